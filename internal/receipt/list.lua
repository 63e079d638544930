-- Puts an event on its tenant's list and on the tenant's index of the open.
--
-- KEYS[1]  the list of events, KEYS[2] the index of the open
-- ARGV[1]  id of the event
-- ARGV[2]  when it was received, in Unix microseconds
-- ARGV[3]  events received before this leave the list
-- ARGV[4]  how long the list is kept after its last event, in milliseconds
-- ARGV[5]  when the event is to be looked at, in Unix microseconds
touch(KEYS[2], ARGV[1], tonumber(ARGV[5]))
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
