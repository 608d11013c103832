-- Write a run and its activities, once; perhaps the timer that it comes from is spent by it, or set anew.
-- KEYS run, runs, ready, cooldown, throttle, timers, timer
-- ARGV id, now, key prefix, fields (JSON object of the run hash), indexes (JSON list of [what, value]),
--      activities (JSON list of [record, order]), cooldown in ms, throttle limit, throttle window in ms,
--      timer id or '', what the timer must be, next due or '', what the timer is then
-- -> 'created', 'known', 'spent' (another replica was faster), 'cooldown', 'throttle'
local function spend()
  if ARGV[10] == '' then
    return true
  end
  if redis.call('HGET', KEYS[7], ARGV[10]) ~= ARGV[11] then
    return false
  end
  if ARGV[12] == '' then
    redis.call('HDEL', KEYS[7], ARGV[10])
    redis.call('ZREM', KEYS[6], ARGV[10])
  else
    redis.call('HSET', KEYS[7], ARGV[10], ARGV[13])
    redis.call('ZADD', KEYS[6], ARGV[12], ARGV[10])
  end
  return true
end
if redis.call('EXISTS', KEYS[1]) == 1 then
  spend()
  return 'known'
end
if not spend() then
  return 'spent'
end
local now = tonumber(ARGV[2])
local pause = tonumber(ARGV[7])
if pause > 0 and redis.call('EXISTS', KEYS[4]) == 1 then
  return 'cooldown'
end
local limit, window = tonumber(ARGV[8]), tonumber(ARGV[9])
if limit > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', now - window)
  if redis.call('ZCARD', KEYS[5]) >= limit then
    return 'throttle'
  end
  redis.call('ZADD', KEYS[5], now, ARGV[1])
  redis.call('PEXPIRE', KEYS[5], window)
end
if pause > 0 then
  redis.call('SET', KEYS[4], ARGV[1], 'PX', pause)
end
for field, value in pairs(cjson.decode(ARGV[4])) do
  redis.call('HSET', KEYS[1], field, value)
end
redis.call('ZADD', KEYS[2], 0, ARGV[1])
for _, index in ipairs(cjson.decode(ARGV[5])) do
  redis.call('ZADD', ARGV[3] .. 'runs:' .. index[1] .. ':' .. index[2], 0, ARGV[1])
end
for number, activity in ipairs(cjson.decode(ARGV[6])) do
  local place = number - 1
  local job, order = ARGV[1] .. '/' .. place, activity[2]
  redis.call('HSET', KEYS[1], 'a:' .. place, activity[1])
  if order == '' then
    redis.call('XADD', KEYS[3], '*', 'job', job)
  else
    redis.call('HSET', KEYS[1], 'o:' .. place, order)
    if redis.call('RPUSH', ARGV[3] .. 'order:' .. order, job) == 1 then
      redis.call('XADD', KEYS[3], '*', 'job', job)
    end
  end
end
return 'created'
