-- Replaces a channel's record if it is still the one that the change was made to.
--
-- KEYS[1]  channels, KEYS[2] names, KEYS[3] revision
-- ARGV[1]  id, ARGV[2] the new name, ARGV[3] the new record
-- ARGV[4]  the record's revision before
-- ARGV[5]  the last layout of records that the caller knows
-- Returns  "ok" (also if that very record is there), "missing", "layout" if the
--          record has a later layout, "conflict" if the revision is another,
--          "name" if another channel has the name.
local current = redis.call('HGET', KEYS[1], ARGV[1])
if not current then
  return 'missing'
end
if current == ARGV[3] then
  return 'ok'
end
local record = cjson.decode(current)
if type(record.v) ~= 'number' or record.v > tonumber(ARGV[5]) then
  return 'layout'
end
if record.revision ~= tonumber(ARGV[4]) then
  return 'conflict'
end
local owner = redis.call('HGET', KEYS[2], ARGV[2])
if owner and owner ~= ARGV[1] then
  return 'name'
end
if record.name ~= ARGV[2] then
  redis.call('HDEL', KEYS[2], record.name)
  redis.call('HSET', KEYS[2], ARGV[2], ARGV[1])
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
bump(KEYS[3])
return 'ok'
