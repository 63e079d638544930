-- Makes the record of an event that has no deliveries, unless there is a record.
--
-- KEYS[1]  the record
-- ARGV[1]  version, ARGV[2] meta
-- ARGV[3]  how long it is kept, in milliseconds
-- Returns  the version and the deliveries' values of the record, as it stands now.
local key = KEYS[1]
if redis.call('EXISTS', key) == 0 then
  redis.call('HSET', key, 'v', ARGV[1], 'meta', ARGV[2], 'n', 0)
  redis.call('PEXPIRE', key, ARGV[3])
end
local out = { redis.call('HGET', key, 'v') }
for i = 0, redis.call('HGET', key, 'n') - 1 do
  out[i + 2] = redis.call('HGET', key, 'd:' .. i)
end
return out
