-- Take a session off the list; its tombstone stays for a while.
-- KEYS alive, sessions, session, summaries   ARGV generation, uid, keep in ms, name prefix, former prefix
-- -> 0 when the lease is lost
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
local id = redis.call('HGET', KEYS[3], 'id')
if not id then
  return 1
end
local keep = tonumber(ARGV[3])
if redis.call('GET', ARGV[4] .. id) == ARGV[2] then
  redis.call('DEL', ARGV[4] .. id)
  if keep > 0 then
    redis.call('SET', ARGV[5] .. id, ARGV[2], 'PX', keep)
  end
end
redis.call('HSET', KEYS[3], 'ended', 1)
redis.call('PEXPIRE', KEYS[3], keep)
redis.call('ZREM', KEYS[2], ARGV[2])
redis.call('PUBLISH', KEYS[4], cjson.encode({ removed = ARGV[2] }))
return 1
