-- Note that somebody deleted a session whose worker is away.
-- KEYS session, summaries   ARGV uid   -> 0 when it is unknown or ended
local known = redis.call('HMGET', KEYS[1], 'worker', 'ended')
if not known[1] or known[2] then
  return 0
end
redis.call('HSET', KEYS[1], 'end_requested', 1)
redis.call('PUBLISH', KEYS[2], cjson.encode({ look = ARGV[1] }))
return 1
