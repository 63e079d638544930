-- Begins the round after the one that a delivery died in, unless it has begun.
--
-- KEYS[1]  the record
-- ARGV[1]  number of the delivery, ARGV[2] the round it died in
-- ARGV[3]  its value in the next round: "<round>|pending|<json>"
-- Returns  1 if the delivery is in a later round now and not dead, 2 if it is
--          and has died again, 0 if it has not died, -1 if there is none.
local key, field = KEYS[1], 'd:' .. ARGV[1]
local round, state = string.match(redis.call('HGET', key, field) or '', '^(%d+)|(%a+)|')
if not round or state == 'deleted' then
  return -1
end
if tonumber(round) > tonumber(ARGV[2]) then
  return state == 'dead' and 2 or 1
end
if round ~= ARGV[2] or state ~= 'dead' then
  return 0
end
redis.call('HSET', key, field, ARGV[3])
redis.call('PERSIST', key) -- it is open again
return 1
