-- Makes an event's record with its deliveries, unless there is a record.
--
-- KEYS[1]   the record
-- ARGV[1]   version, ARGV[2] meta, ARGV[3] event
-- ARGV[4-]  the deliveries' values
-- Returns   the version and the deliveries' values, as they stand now.
local key = KEYS[1]
if redis.call('EXISTS', key) == 0 then
  redis.call('HSET', key, 'v', ARGV[1], 'meta', ARGV[2], 'event', ARGV[3], 'n', #ARGV - 3)
  for i = 4, #ARGV do
    redis.call('HSET', key, 'd:' .. (i - 4), ARGV[i])
  end
end
local out = { redis.call('HGET', key, 'v') }
for i = 0, redis.call('HGET', key, 'n') - 1 do
  out[i + 2] = redis.call('HGET', key, 'd:' .. i)
end
return out
