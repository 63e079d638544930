-- Part of every script here that puts an event on the index of the open.
--
-- touch puts id on the index, to be looked at no later than at, in Unix
-- microseconds. It always gives the entry another score than it had: who looks at
-- the entry meanwhile takes it off only under the score that he gave it.
local function touch(index, id, at)
  local score = tonumber(redis.call('ZSCORE', index, id) or nil)
  if score and score <= at then
    at = score - 1
  end
  redis.call('ZADD', index, string.format('%.0f', at), id)
end

