-- Asks whether a delivery may go to its channel now. If it has to wait it gets a
-- ticket, unless it has one: a place in the channel's line, which says when to come.
-- Of a channel with a rate, who comes in time and finds that another passed only
-- just now is promised a pass of its own: minus its time stands for the ticket then.
-- A promise counts while the rate is the one by which it was made. To tell, its time
-- is a multiple of four microseconds and how often the rate has changed, modulo four.
--
-- KEYS[1]  the gate, see keys.go
-- ARGV[1]  the delivery, ARGV[2] its ticket or 0
-- ARGV[3]  how far apart turns are, in microseconds
-- ARGV[4]  how far apart passes are at least; 0: the channel has no rate
-- ARGV[5]  how much too late a promised pass may be used
-- ARGV[6]  for how long a delivery may try an open breaker
-- ARGV[7]  1: it goes whatever stands against it
-- ARGV[8]  which version of the channel it goes to
-- ARGV[9]  how long it can wait at most: it gets no turn that is later
-- ARGV[10] for how long turns must have come and nobody with them, for the line to
--          be taken for one of deliveries that are no more
-- Returns  the verdict: 1 go, 2 go and try the breaker, 3 wait for the turn,
--          4 wait as the destination asked, 5 wait for the breaker;
--          how long to wait in microseconds, the ticket, and 1 if a success must be reported.
--          Wait without a ticket: what is free is too late for it.
local key = KEYS[1]
local ticket, gap, least = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local late, lease = tonumber(ARGV[5]), tonumber(ARGV[6])
local left, patience = tonumber(ARGV[9]), tonumber(ARGV[10])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local f = redis.call('HMGET', key, 'free', 'k', 't', 'gap', 'until', 'last', 'fails', 'open', 'due', 'least', 'changes', 'version')
local free, k, t = tonumber(f[1] or 1), tonumber(f[2] or 1), tonumber(f[3] or 0)
local was, held, last = tonumber(f[4] or gap), tonumber(f[5] or 0), tonumber(f[6] or 0)
local fails, open = tonumber(f[7] or 0), tonumber(f[8] or 0)
local due, changes, version = tonumber(f[9] or 0), tonumber(f[11] or 0), f[12] or '0'
local function turn(n)
  return t + (n - k) * gap
end
-- Who is in line has missed its turn now, and goes as it comes.
local function dissolve()
  k, t, was = free, now, gap
  redis.call('HSET', key, 'k', k, 't', t, 'gap', gap)
end
-- What was said of another version was perhaps said of another destination, and to
-- deliveries that have ended since: when it was disabled.
if version ~= ARGV[8] then
  if held > 0 or open > 0 or fails > 0 then
    t = t - math.max(held - now, 0)
    held, open, fails = 0, 0, 0
    redis.call('HDEL', key, 'until', 'open', 'probe', 'fails', 'since', 'event', 'events')
    redis.call('HSET', key, 'version', ARGV[8], 't', t)
  end
  if least > 0 and turn(free) > now then
    dissolve()
    redis.call('HSET', key, 'version', ARGV[8])
  end
end
-- Turns come and nobody with them: who had them has ended while it waited.
if least > 0 and turn(free) > now and now - math.max(last, held, t) > math.max(patience, 3 * gap) then
  dissolve()
end
local watch = (fails > 0 or open > 0) and 1 or 0

local function keep(...)
  redis.call('HSET', key, ...)
  local ends = math.max(turn(free), held, last, due, now) - now
  redis.call('PEXPIRE', key, math.ceil(ends / 1000) + 3600000)
end
local function pass(verdict)
  if least > 0 then
    last = math.max(last, now)
    keep('last', last)
  end
  return { verdict, 0, ticket, watch }
end

if ARGV[7] == '1' then
  if now < held then
    watch = 1
  end
  return pass(open > 0 and 2 or 1)
end
if open > 0 and now >= held then
  -- One goes, and the line stands still until it is known what comes of it. If
  -- its worker dies another follows when that time is over.
  t = t + now + lease - held
  held = now + lease
  keep('until', held, 'probe', ARGV[1], 't', t)
  return pass(2)
end
local known = ticket > 0 and ticket < free
if least == 0 and now >= held and not (known and turn(ticket) > now) then
  if held > 0 then
    redis.call('HDEL', key, 'until')
  end
  return pass(1)
end

-- While nobody may pass the line stands still, so what is free begins after that.
local ref = math.max(now, held)
if was ~= gap then -- another rate than before: from now on turns are as far apart as it says
  k = k + (ref - t) / was
  t = ref
  keep('k', k, 't', t, 'gap', gap)
end
local why = 3
if now < held then
  why = open > 0 and 5 or 4
end
if least > 0 and tonumber(f[10] or least) ~= least then -- no promise counts any more
  due, changes = 0, (changes + 1) % 4
  keep('due', 0, 'least', least, 'changes', changes)
end
local function promise(from)
  local at = math.ceil(math.max(from, math.max(last, due) + least) / 4) * 4 + changes
  if at - now > left then
    return { why, math.ceil(at - now), 0, watch }
  end
  due = at
  keep('due', due, 'least', least, 'changes', changes)
  return { why, math.ceil(due - now), -due, watch }
end
if ticket < 0 and least > 0 then
  if -ticket > due or -ticket % 4 ~= changes then
    return now < held and promise(held) or now >= math.max(last, due) + least and pass(1) or promise(now)
  end
  if -ticket < held and now < held then -- it goes before those in line
    return promise(held)
  end
  if now < -ticket then
    return { why, -ticket - now, ticket, watch }
  end
  if now <= late - ticket or math.max(last, due) == -ticket then
    return pass(1)
  end
  known = true
elseif now < held and known and turn(ticket) < held - gap then
  known = false -- it missed its turn before the line stood still
end
if not known then
  if turn(free) < ref then -- nobody waits
    k, t = free, ref
  end
  if turn(free) - now > left then
    return { why, math.ceil(turn(free) - now), 0, watch }
  end
  ticket = free
  free = free + 1
  keep('free', free, 'k', k, 't', t, 'gap', gap, 'version', ARGV[8])
end
if now < held then
  return { why, math.ceil(math.max(turn(ticket), held) - now), ticket, watch }
end
if ticket > 0 and turn(ticket) > now then
  return { least > 0 and 3 or 5, math.ceil(turn(ticket) - now), ticket, watch }
end
if now >= math.max(last, due) + least then
  return pass(1)
end
return promise(now)
