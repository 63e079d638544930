-- Takes the events that are longest due for a look off the index of the open, for
-- a while: nobody else is given them before that is over.
--
-- KEYS[1]  the index
-- ARGV[1]  now, ARGV[2] when their turn comes again, in Unix microseconds
-- ARGV[3]  how many at most
-- Returns  their ids.
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
for _, id in ipairs(ids) do
  redis.call('ZADD', KEYS[1], ARGV[2], id)
end
return ids
