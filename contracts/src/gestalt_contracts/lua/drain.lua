-- Set whether a worker takes new sessions.
-- KEYS worker, summaries   ARGV state, announcement
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
redis.call('HSET', KEYS[1], 'state', ARGV[1])
redis.call('PUBLISH', KEYS[2], ARGV[2])
return 1
