-- Reads a sorted set from the highest score down, after a given place. The
-- member at that place may be gone.
--
-- KEYS[1]  the sorted set
-- ARGV[1]  score and ARGV[2] member of the place; no member: from the top
-- ARGV[3]  how many members at most
-- Returns  member, score, member, score, …
local key, first = KEYS[1], 0
if ARGV[2] ~= '' then
  -- Members of one score are in descending order: look for the first one below.
  local low = redis.call('ZCOUNT', key, '(' .. ARGV[1], '+inf')
  local high = low + redis.call('ZCOUNT', key, ARGV[1], ARGV[1])
  while low < high do
    local middle = math.floor((low + high) / 2)
    if redis.call('ZREVRANGE', key, middle, middle)[1] < ARGV[2] then
      high = middle
    else
      low = middle + 1
    end
  end
  first = low
end
return redis.call('ZREVRANGE', key, first, first + ARGV[3] - 1, 'WITHSCORES')
