-- Stores a new channel.
--
-- KEYS[1]  channels, KEYS[2] names, KEYS[3] revision
-- ARGV[1]  id, ARGV[2] name, ARGV[3] record
-- Returns  "ok" (also if that very record is there), "name" if another channel
--          has the name, "conflict" if another record has the id.
local current = redis.call('HGET', KEYS[1], ARGV[1])
if current then
  return current == ARGV[3] and 'ok' or 'conflict'
end
if redis.call('HEXISTS', KEYS[2], ARGV[2]) == 1 then
  return 'name'
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('HSET', KEYS[2], ARGV[2], ARGV[1])
bump(KEYS[3])
return 'ok'
