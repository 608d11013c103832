-- Queue the failed activities of a finished run again.
-- KEYS run, ready
-- ARGV run id, key prefix, when it finished as the caller knows it, what asks for it, then place and record by turns
-- -> how many; -1 when the run is not failed, or not as the caller knows it (any more)
local known = redis.call('HMGET', KEYS[1], 'status', 'finished')
if known[1] ~= 'failed' or known[2] ~= ARGV[3] then
  return -1
end
local count = 0
for place = 5, #ARGV, 2 do
  redis.call('HSET', KEYS[1], 'a:' .. ARGV[place], ARGV[place + 1])
  redis.call('XADD', KEYS[2], '*', 'job', ARGV[1] .. '/' .. ARGV[place])
  count = count + 1
end
redis.call('HSET', KEYS[1], 'status', 'queued', 'left', count, 'failures', 0, 'retried', ARGV[4])
redis.call('HDEL', KEYS[1], 'finished')
redis.call('ZREM', ARGV[2] .. 'runs:status:failed', ARGV[1])
redis.call('ZADD', ARGV[2] .. 'runs:status:queued', 0, ARGV[1])
return count
