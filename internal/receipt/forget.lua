-- Takes a deleted delivery off the lists of the dead.
--
-- KEYS[1-] the lists of one tenant
-- ARGV[1]  id of the delivery
for _, key in ipairs(KEYS) do
  redis.call('ZREM', key, ARGV[1])
end
return 1
