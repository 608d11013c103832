-- Keep the lease, store load, read back what an operator said.
-- KEYS alive, worker   ARGV generation, lease in ms, sessions, bytes of their journals
-- -> state, time; nothing when the lease is lost
local state = redis.call('HGET', KEYS[2], 'state')
if redis.call('GET', KEYS[1]) ~= ARGV[1] or not state then
  return false
end
local time = redis.call('TIME')
local now = string.format('%d.%06d', time[1], time[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('HSET', KEYS[2], 'sessions', ARGV[3], 'journal', ARGV[4], 'seen_at', now)
return { state, now }
