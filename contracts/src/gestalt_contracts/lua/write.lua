-- Store changed records and tell them. What is not on the list stays off it: a late word never raises the dead.
-- A session that lost its name or is to end is told as: look, since its owner's record does not say so.
-- KEYS alive, summaries, session...   ARGV generation, then status, record, announcement for each session
-- -> 0 when the lease is lost
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
for index = 3, #KEYS do
  local word = 3 * (index - 3) + 2
  local known = redis.call('HMGET', KEYS[index], 'worker', 'ended', 'name_lost', 'end_requested')
  if known[1] and not known[2] then
    redis.call('HSET', KEYS[index], 'generation', ARGV[1], 'status', ARGV[word], 'record', ARGV[word + 1])
    local told = ARGV[word + 2]
    if known[3] or known[4] then
      told = cjson.encode({ look = string.match(KEYS[index], '[^:]+$') })
    end
    redis.call('PUBLISH', KEYS[2], told)
  end
end
return 1
