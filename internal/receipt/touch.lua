-- Part of every script here that puts an event on the index of the open.
--
-- touch puts id on the index, to be looked at at, in Unix microseconds. Until then
-- nobody takes it, who would find that nothing is open yet. It gives the entry
-- another score than it had: who took it before and has looked at it takes it off
-- only under the score that he gave it.
local function touch(index, id, at)
  if tonumber(redis.call('ZSCORE', index, id) or nil) == at then
    at = at + 1
  end
  redis.call('ZADD', index, string.format('%.0f', at), id)
end

