-- Part of every script here that changes something.
--
-- bump sets the tenant's revision, at key, to one that it never had: the time in
-- microseconds, or one more than before if that is later. A plain count would
-- meet its old values again after a failover or a restore lost some changes, and
-- whoever remembers what belonged to such a value would never look again.
local function bump(key)
  local time = redis.call('TIME')
  local now = time[1] * 1000000 + time[2]
  local before = tonumber(redis.call('GET', key) or 0)
  redis.call('SET', key, string.format('%.0f', math.max(now, before + 1)))
end

