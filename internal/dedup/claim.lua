-- Claims an event for delivery, or names the original that it repeats.
--
-- KEYS[1]  sorted set of this payload's claims. A member that is an event's id
--          is an original, its score the start of its window. A member "~" and
--          an id is a note: its score is minus the time of the last event that
--          the original's window must keep covering. Without a note that is the
--          start. All times are Unix microseconds, all above 0.
-- ARGV[1]  id of the event
-- ARGV[2]  when it was received
-- ARGV[3]  the same minus the window
-- ARGV[4]  the same plus the window
-- ARGV[5]  the window
-- ARGV[6]  what lies at or before this is forgotten
-- ARGV[7]  how long a claim is kept: the window plus the allowance
-- Returns  "" if the event is an original, else the id of the one it repeats.
local key, id, at = KEYS[1], ARGV[1], ARGV[2]

if redis.call('ZSCORE', key, id) then
  return ''
end

-- One range for originals (positive scores) and notes (negative ones).
redis.call('ZREMRANGEBYSCORE', key, '-' .. ARGV[6], ARGV[6])

-- last returns the time of the last event that an original must cover.
local function last(original, start)
  local note = redis.call('ZSCORE', key, '~' .. original)
  return note and -tonumber(note) or tonumber(start)
end

-- keep puts off the key's expiry. It counts from the newest start, or from now
-- if that is later: a backlog is as far apart when it is worked off as it was
-- when it was received, or less.
local function keep()
  local time = redis.call('TIME')
  local now = time[1] * 1000000 + time[2]
  local newest = tonumber(redis.call('ZREVRANGE', key, 0, 0, 'WITHSCORES')[2])
  local expiry = (math.max(newest, now) + ARGV[7]) / 1000
  redis.call('PEXPIREAT', key, string.format('%.0f', math.ceil(expiry)))
end

-- An original whose window is open at the event's time.
local before = redis.call('ZREVRANGEBYSCORE', key, at, '(' .. ARGV[3], 'WITHSCORES', 'LIMIT', 0, 1)
if before[1] then
  if tonumber(at) > last(before[1], before[2]) then
    redis.call('ZADD', key, '-' .. at, '~' .. before[1])
  end
  return before[1]
end

-- An original received later, whose window can start here and still hold all it
-- has covered.
local after = redis.call('ZRANGEBYSCORE', key, '(' .. at, '(' .. ARGV[4], 'WITHSCORES', 'LIMIT', 0, 1)
if after[1] then
  local covered = last(after[1], after[2])
  if covered - at < tonumber(ARGV[5]) then
    redis.call('ZADD', key, at, after[1], string.format('-%.0f', covered), '~' .. after[1])
    keep()
    return after[1]
  end
end

redis.call('ZADD', key, at, id)
keep()
return ''
