-- Puts a dead delivery on the list of its channel type.
--
-- KEYS[1]  the set of channel types, KEYS[2] the list
-- ARGV[1]  the channel type
-- ARGV[2]  id of the delivery, ARGV[3] when it died, in Unix microseconds
-- ARGV[4]  how long the list is kept after its last entry, in milliseconds; 0: for ever
-- ARGV[5]  deliveries that died before this leave the list, if it has an end
local types = redis.call('PTTL', KEYS[1])
redis.call('SADD', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[2])
if ARGV[4] == '0' then
  -- They may have had an end before a reload.
  redis.call('PERSIST', KEYS[1])
  redis.call('PERSIST', KEYS[2])
  return 1
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
-- The set outlives each of its lists: -2 is a new one, -1 has none that ends.
if types ~= -1 and types < tonumber(ARGV[4]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
return 1
