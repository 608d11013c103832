-- Give the lease back.
-- KEYS alive, worker, summaries   ARGV generation, announcement
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
local time = redis.call('TIME')
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[2], 'state', 'live', 'gone_since', string.format('%d.%06d', time[1], time[2]))
redis.call('PUBLISH', KEYS[3], ARGV[2])
return 1
