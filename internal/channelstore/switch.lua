-- Disables or enables a channel of the file.
--
-- KEYS[1]  disabled, KEYS[2] revision
-- ARGV[1]  id, ARGV[2] the reason to disable it for, or "" to enable it
-- Returns  1 if that changed anything, else 0
local changed
if ARGV[2] == '' then
  changed = redis.call('HDEL', KEYS[1], ARGV[1])
else
  changed = redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])
end
if changed == 1 then
  bump(KEYS[2])
end
return changed
