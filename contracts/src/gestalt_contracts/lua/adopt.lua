-- Register a session again that a worker holds.
-- KEYS alive, sessions, session, name, former, summaries
-- ARGV generation, uid, id, worker, created_at, status, record, announcement, session prefix
-- -> 'stale', 'kept', 'ended', 'lost' (its name is another's)
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 'stale'
end
if redis.call('HEXISTS', KEYS[3], 'ended') == 1 then
  return 'ended'
end
redis.call('HSET', KEYS[3], 'id', ARGV[3], 'worker', ARGV[4], 'generation', ARGV[1], 'created_at', ARGV[5],
  'status', ARGV[6], 'record', ARGV[7])
redis.call('ZADD', KEYS[2], ARGV[5], ARGV[2])
local holder = redis.call('GET', KEYS[4])
if holder and holder ~= ARGV[2] and redis.call('EXISTS', ARGV[9] .. holder) == 1 then
  redis.call('HSET', KEYS[3], 'lost', 1, 'name_lost', 1)
  return 'lost'
end
redis.call('HDEL', KEYS[3], 'away_since', 'lost', 'name_lost')
redis.call('SET', KEYS[4], ARGV[2])
redis.call('DEL', KEYS[5])
redis.call('PUBLISH', KEYS[6], ARGV[8])
return 'kept'
