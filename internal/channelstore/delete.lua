-- Removes a channel and frees its name. It does not read the record, so that one
-- that nobody can read can be removed too.
--
-- KEYS[1]  channels, KEYS[2] names, KEYS[3] revision
-- ARGV[1]  id
-- Returns  "ok" or "missing"
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then
  return 'missing'
end
local names = redis.call('HGETALL', KEYS[2])
for i = 1, #names, 2 do
  if names[i + 1] == ARGV[1] then
    redis.call('HDEL', KEYS[2], names[i])
  end
end
bump(KEYS[3])
return 'ok'
