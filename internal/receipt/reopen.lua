-- Puts an event on its tenant's index of the open.
--
-- KEYS[1]  the index
-- ARGV[1]  id of the event
-- ARGV[2]  when it is to be looked at, in Unix microseconds
touch(KEYS[1], ARGV[1], tonumber(ARGV[2]))
return 1
