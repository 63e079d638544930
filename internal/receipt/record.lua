-- Writes what became of a delivery, unless its record has moved on: delivered
-- and deleted are final for ever, dead is final in its round, and a round writes
-- only itself.
-- Writing again what is there already is no change and no error.
--
-- KEYS[1]  the record
-- ARGV[1]  number of the delivery, ARGV[2] its round
-- ARGV[3]  its value: "<round>|<state>|<json>"
-- ARGV[4]  how long a record is kept of which all was delivered, in milliseconds
-- ARGV[5]  the same if something is dead; 0: for ever
-- ARGV[6]  the version of records that this is written for
-- Returns  1 if the value stands now, 2 if also nothing of the event will ever be
--          open again, 0 if the record has moved on, -1 if there is none, -2 if it
--          has another version.
local key, field = KEYS[1], 'd:' .. ARGV[1]
local version = redis.call('HGET', key, 'v')
if version and version ~= ARGV[6] then
  return -2
end
local current = redis.call('HGET', key, field)
if not current then
  return -1
end
if current == ARGV[3] then
  return 1
end
local round, state = string.match(current, '^(%d+)|(%a+)|')
if state == 'delivered' or state == 'dead' or state == 'deleted' or round ~= ARGV[2] then
  return 0
end
redis.call('HSET', key, field, ARGV[3])

-- What is still open, or dead and may be replayed, needs the event.
local dead = false
for i = 0, redis.call('HGET', key, 'n') - 1 do
  state = string.match(redis.call('HGET', key, 'd:' .. i) or '', '^%d+|(%a+)|')
  if state == 'dead' then
    dead = true
  elseif state ~= 'delivered' and state ~= 'deleted' then
    redis.call('PERSIST', key)
    return 1
  end
end
if not dead then
  redis.call('HDEL', key, 'event')
  redis.call('PEXPIRE', key, ARGV[4])
  return 2
elseif ARGV[5] == '0' then
  redis.call('PERSIST', key)
else
  redis.call('PEXPIRE', key, ARGV[5])
end
return 1
