-- Takes a member out of a sorted set, unless its score has changed.
--
-- KEYS[1]  the sorted set
-- ARGV[1]  the member, ARGV[2] the score it is known by
-- Returns  1 if it was taken out, else 0.
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if score and tonumber(score) == tonumber(ARGV[2]) then
  return redis.call('ZREM', KEYS[1], ARGV[1])
end
return 0
