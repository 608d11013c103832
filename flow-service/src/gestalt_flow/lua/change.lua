-- Change a field of a hash, or take it away, if it still is what it was.
-- KEYS hash
-- ARGV field, what it was, what it is then ('': nothing)
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return 0
end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
return 1
