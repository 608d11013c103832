-- Store changed records and tell them. What is not on the list stays off it: a late word never raises the dead.
-- KEYS alive, summaries, session...   ARGV generation, then status, record, announcement for each session
-- -> 0 when the lease is lost
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
for index = 3, #KEYS do
  local word = 3 * (index - 3) + 2
  local known = redis.call('HMGET', KEYS[index], 'worker', 'ended')
  if known[1] and not known[2] then
    redis.call('HSET', KEYS[index], 'generation', ARGV[1], 'status', ARGV[word], 'record', ARGV[word + 1])
    redis.call('PUBLISH', KEYS[2], ARGV[word + 2])
  end
end
return 1
