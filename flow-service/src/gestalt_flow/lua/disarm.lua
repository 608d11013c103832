-- End a wait, unless it began after the event that ends it.
-- KEYS timers, timer
-- ARGV id, moment of the event
local before = redis.call('HGET', KEYS[2], ARGV[1])
if not before or cjson.decode(before).at > tonumber(ARGV[2]) then
  return 0
end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[1], ARGV[1])
return 1
