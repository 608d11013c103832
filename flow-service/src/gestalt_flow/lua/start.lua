-- Begin an attempt at an activity whose entry this executor holds.
-- KEYS ready, run, runs
-- ARGV group, consumer, entry, place, now, run id, key prefix
-- -> 'gone', 'lost', or 'yours', the run's head, the activity, the starts that never ended (with commas), '1' if the
--    run begins with it, else ''
if redis.call('EXISTS', KEYS[2]) == 0 then
  redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
  redis.call('XDEL', KEYS[1], ARGV[3])
  return { 'gone' }
end
local held = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)
if #held == 0 or held[1][2] ~= ARGV[2] then
  return { 'lost' }
end
local mark = 'r:' .. ARGV[4]
local before = redis.call('HGET', KEYS[2], mark) or ''
redis.call('HSET', KEYS[2], mark, before == '' and ARGV[5] or before .. ',' .. ARGV[5])
local begins = ''
if redis.call('HGET', KEYS[2], 'status') == 'queued' then
  begins = '1'
  redis.call('HSET', KEYS[2], 'status', 'running')
  redis.call('ZREM', ARGV[7] .. 'runs:status:queued', ARGV[6])
  redis.call('ZADD', ARGV[7] .. 'runs:status:running', 0, ARGV[6])
end
return { 'yours', redis.call('HGET', KEYS[2], 'head'), redis.call('HGET', KEYS[2], 'a:' .. ARGV[4]), before, begins }
