-- End an attempt: keep its record, let the next one for the same session begin, close the run with its last activity.
-- KEYS ready, run, delayed
-- ARGV group, consumer, entry, place, run id, key prefix, outcome (done, failed, again, or wait: again, with its place
--      for its session kept), record, due, now
-- -> 'lost', '' or the status of the run that is now finished
local held = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)
if #held == 0 or held[1][2] ~= ARGV[2] then
  return 'lost'
end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
redis.call('XDEL', KEYS[1], ARGV[3])
local place, run, prefix = ARGV[4], ARGV[5], ARGV[6]
local job = run .. '/' .. place
redis.call('HSET', KEYS[2], 'a:' .. place, ARGV[8])
redis.call('HDEL', KEYS[2], 'r:' .. place)
local order = redis.call('HGET', KEYS[2], 'o:' .. place)
if order and ARGV[7] ~= 'wait' then
  local line = prefix .. 'order:' .. order
  redis.call('HDEL', KEYS[2], 'o:' .. place)
  redis.call('LREM', line, 1, job)
  local following = redis.call('LINDEX', line, 0)
  if following then
    redis.call('XADD', KEYS[1], '*', 'job', following)
  end
end
if ARGV[7] == 'again' or ARGV[7] == 'wait' then
  redis.call('ZADD', KEYS[3], ARGV[9], job)
  return ''
end
local left = redis.call('HINCRBY', KEYS[2], 'left', -1)
local failures = redis.call('HINCRBY', KEYS[2], 'failures', ARGV[7] == 'failed' and 1 or 0)
if left > 0 then
  return ''
end
local before = redis.call('HGET', KEYS[2], 'status')
local status = failures > 0 and 'failed' or 'succeeded'
redis.call('HSET', KEYS[2], 'status', status, 'finished', ARGV[10])
redis.call('ZREM', prefix .. 'runs:status:' .. before, run)
redis.call('ZADD', prefix .. 'runs:status:' .. status, 0, run)
return status
