-- One session by uid, by the name it has, or by the name it last had.
-- KEYS session, name, former   ARGV reference, session prefix, alive prefix
-- -> as in sessions.lua; nothing when there is none
local uid = ARGV[1]
if redis.call('EXISTS', KEYS[1]) == 0 then
  uid = redis.call('GET', KEYS[2]) or redis.call('GET', KEYS[3])
end
local worker = uid and redis.call('HGET', ARGV[2] .. uid, 'worker')
if not worker then
  return false
end
return { uid, redis.call('GET', ARGV[3] .. worker) or '', redis.call('HGETALL', ARGV[2] .. uid) }
