-- Makes the record of an event that has no deliveries, unless there is a record.
--
-- KEYS[1]  the record
-- ARGV[1]  version, ARGV[2] meta
-- ARGV[3]  how long it is kept, in milliseconds
-- Returns  1 if it was made, 0 if there was one.
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
redis.call('HSET', KEYS[1], 'v', ARGV[1], 'meta', ARGV[2], 'n', 0)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
