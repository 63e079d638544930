-- Says what came of looking at events of the index of the open. An entry that was
-- written since it was taken stays as it is.
--
-- KEYS[1]  the index
-- ARGV[1]  the score that the entries got when they were taken
-- ARGV[2-] id, score, id, score, …: when to look again; "": the event is not open
local taken = tonumber(ARGV[1])
for i = 2, #ARGV, 2 do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if score and tonumber(score) == taken then
    if ARGV[i + 1] == '' then
      redis.call('ZREM', KEYS[1], ARGV[i])
    else
      redis.call('ZADD', KEYS[1], ARGV[i + 1], ARGV[i])
    end
  end
end
return 1
