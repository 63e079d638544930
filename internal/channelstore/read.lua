-- Reads what Redis holds of a tenant's channels, all of one moment. A script and
-- not a transaction, because a full Redis refuses to queue even what only reads.
--
-- KEYS[1]  the tenant's revision
-- KEYS[2]  the channels
-- KEYS[3]  which of the file's channels are switched off
--
-- Returns {revision or "", {id, record, …}, {id, reason, …}}.
return {
  redis.call('GET', KEYS[1]) or '',
  redis.call('HGETALL', KEYS[2]),
  redis.call('HGETALL', KEYS[3]),
}
