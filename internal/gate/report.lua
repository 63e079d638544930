-- Says what came of an attempt, as far as it says something of the destination.
--
-- KEYS[1]  the gate, see keys.go
-- ARGV[1]  the delivery, ARGV[2] its event
-- ARGV[3]  alive: the destination answers; down: it failed; void: neither is known
-- ARGV[4]  for how long the destination wants to hear nothing, in microseconds, or 0
-- ARGV[5]  1: it went whatever stood against it
-- ARGV[6]  how many failures in a row, ARGV[7] of how many events, ARGV[8] and over
--          what time in microseconds, open the breaker
-- ARGV[9]  for how long it is open first, ARGV[10] at the longest, ARGV[11] what to
--          multiply that with
-- ARGV[12] which version of the channel it was made to
-- Returns  1 if the breaker is open by it, 2 if it is closed by it, else 0; how long
--          nobody passes now, in microseconds; failures in a row; 1 if it is open.
local key, who, kind = KEYS[1], ARGV[1], ARGV[3]
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local f = redis.call('HMGET', key, 'until', 'open', 'probe', 'fails', 'since', 'event', 'events', 't', 'version')
local held, open, probe = tonumber(f[1] or 0), tonumber(f[2] or 0), f[3]
local fails, since, event, events = tonumber(f[4] or 0), tonumber(f[5] or 0), f[6], tonumber(f[7] or 0)
local t = tonumber(f[8] or 0)
local change = 0
-- What was said of another version was perhaps said of another destination.
if (f[9] or '0') ~= ARGV[12] then
  if held > 0 or open > 0 or fails > 0 then
    t = t - math.max(held - now, 0)
    held, open, probe, fails, since, event, events = 0, 0, false, 0, 0, false, 0
    redis.call('HDEL', key, 'until', 'open', 'probe', 'fails', 'since', 'event', 'events')
  end
  redis.call('HSET', key, 'version', ARGV[12])
end

-- Nobody passes until at, and the line stands still. It never goes back: those in
-- it come when they were told to.
local function hold(at)
  local from = held
  if open == 0 or held == 0 then
    from = math.max(held, now)
  end
  t = t + math.max(at - from, 0)
  held = at
end

if kind == 'alive' then
  fails = 0
  redis.call('HDEL', key, 'fails', 'since', 'event', 'events')
  if open > 0 then
    change = 2
  end
  if ARGV[5] == '1' and held > now then
    t = t - (held - now) -- a person knows more: nobody need wait for what was said
    held = now
  elseif open > 0 then
    hold(now)
  end
  open = 0
elseif kind == 'down' then
  if fails == 0 then
    since = now
  end
  fails = fails + 1
  if event ~= ARGV[2] then
    events = events + 1
  end
  redis.call('HSET', key, 'fails', fails, 'since', since, 'event', ARGV[2], 'events', events)
  if open > 0 and probe == who then
    hold(now + math.min(tonumber(ARGV[9]) * 2 ^ math.min(open, 30), tonumber(ARGV[10])) * tonumber(ARGV[11]))
    open = open + 1
    probe = false
  elseif open == 0 and fails >= tonumber(ARGV[6]) and events >= tonumber(ARGV[7]) and now - since >= tonumber(ARGV[8]) then
    hold(math.max(held, now + tonumber(ARGV[9]) * tonumber(ARGV[11])))
    open, change = 1, 1
  end
elseif open > 0 and probe == who then
  hold(now)
  probe = false
end
local asked = tonumber(ARGV[4])
if asked > 0 and now + asked > held then
  hold(now + asked)
end

held, t = math.floor(held), math.floor(t)
if held > now or open > 0 then
  redis.call('HSET', key, 'until', held, 't', t)
else
  redis.call('HDEL', key, 'until')
  if f[8] then
    redis.call('HSET', key, 't', t)
  end
end
if open > 0 then
  redis.call('HSET', key, 'open', open)
  if not probe then
    redis.call('HDEL', key, 'probe')
  end
else
  redis.call('HDEL', key, 'open', 'probe')
end
-- Turns may be given up to a day from now; entering puts it off as far as needed.
local left = redis.call('PTTL', key)
local ends = math.ceil((math.max(held, now) - now) / 1000) + 3600000
if left >= -1 and left < ends then
  redis.call('PEXPIRE', key, ends)
end
return { change, math.max(held - now, 0), fails, open > 0 and 1 or 0 }
