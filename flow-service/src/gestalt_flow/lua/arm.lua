-- Set a timer for an event, unless it was set by a later one.
-- KEYS timers, timer
-- ARGV id, due, moment of the event, what the timer is about (JSON with `at`)
local before = redis.call('HGET', KEYS[2], ARGV[1])
if before and cjson.decode(before).at > tonumber(ARGV[3]) then
  return 0
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[4])
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
return 1
