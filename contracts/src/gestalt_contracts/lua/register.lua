-- Take the lease under a new generation.
-- KEYS generation, alive, worker, workers, summaries
-- ARGV worker id, floor, lease in ms, record, sessions, state, process, announcement
-- -> generation, state, time
local generation = redis.call('INCR', KEYS[1])
if generation <= tonumber(ARGV[2]) then
  generation = tonumber(ARGV[2]) + 1
  redis.call('SET', KEYS[1], generation)
end
local state = ARGV[6]
local known = redis.call('HMGET', KEYS[3], 'process', 'state')
if known[1] == ARGV[7] then
  state = known[2] -- the same process again: what an operator said of it meanwhile holds
end
local time = redis.call('TIME')
local now = string.format('%d.%06d', time[1], time[2])
redis.call('SET', KEYS[2], generation, 'PX', ARGV[3])
redis.call('HSET', KEYS[3], 'record', ARGV[4], 'sessions', ARGV[5], 'state', state, 'process', ARGV[7],
  'generation', generation, 'seen_at', now)
redis.call('HDEL', KEYS[3], 'gone_since')
redis.call('SADD', KEYS[4], ARGV[1])
redis.call('PUBLISH', KEYS[5], ARGV[8])
return { generation, state, now }
