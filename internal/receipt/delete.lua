-- Deletes a dead delivery. Its field stays, so that the others keep their
-- numbers, and no longer says anything of it.
--
-- KEYS[1]  the record
-- ARGV[1]  number of the delivery
-- ARGV[2]  how long a record is kept of which nothing is open or dead, in milliseconds
-- Returns  1 if it is deleted now, 2 if it was already, 0 if it is not dead, -1 if there is none.
local key, field = KEYS[1], 'd:' .. ARGV[1]
local round, state = string.match(redis.call('HGET', key, field) or '', '^(%d+)|(%a+)|')
if not round then
  return -1
end
if state == 'deleted' then
  return 2
end
if state ~= 'dead' then
  return 0
end
redis.call('HSET', key, field, round .. '|deleted|')
for i = 0, redis.call('HGET', key, 'n') - 1 do
  state = string.match(redis.call('HGET', key, 'd:' .. i) or '', '^%d+|(%a+)|')
  if state ~= 'delivered' and state ~= 'deleted' then
    return 1 -- it needs the event, and the record keeps the end it has
  end
end
redis.call('HDEL', key, 'event')
redis.call('PEXPIRE', key, ARGV[2])
return 1
