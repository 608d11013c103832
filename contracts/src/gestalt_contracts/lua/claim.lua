-- Claim the lowest free name '<base> <n>' ('<n>' without a base), or with `only` the first one.
-- KEYS alive, sessions, session, summaries
-- ARGV generation, uid, base, only, created_at, worker, tombstone in ms, name prefix, session prefix, former prefix,
--      hash of its token
-- -> 'stale', or 'taken' / 'claimed', the name, its uid
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return { 'stale' }
end
local uid, only = ARGV[2], ARGV[4] == '1'

local function bury(old, name)
  redis.call('HSET', ARGV[9] .. old, 'ended', 1)
  redis.call('PEXPIRE', ARGV[9] .. old, ARGV[7])
  redis.call('ZREM', KEYS[2], old)
  redis.call('PUBLISH', KEYS[4], cjson.encode({ removed = old }))
end

local function obtain(name)
  local holder = redis.call('GET', ARGV[8] .. name)
  if not holder or holder == uid then
    return true
  end
  local known = redis.call('HMGET', ARGV[9] .. holder, 'status', 'lost', 'ended')
  if not known[1] or known[3] then
    return true
  end
  if known[2] then
    redis.call('HSET', ARGV[9] .. holder, 'name_lost', 1)
    redis.call('PUBLISH', KEYS[4], cjson.encode({ look = holder }))
    return true
  end
  if only and known[1] == 'closed' then
    bury(holder, name)
    return true
  end
  return false, holder
end

local function named(number)
  return ARGV[3] == '' and tostring(number) or ARGV[3] .. ' ' .. number
end

local number, name = 1, named(1)
local free, holder = obtain(name)
while not free do
  if only then
    return { 'taken', name, holder }
  end
  number = number + 1
  name = named(number)
  free, holder = obtain(name)
end
redis.call('SET', ARGV[8] .. name, uid)
redis.call('DEL', ARGV[10] .. name)
if redis.call('EXISTS', KEYS[3]) == 0 then
  redis.call('HSET', KEYS[3], 'id', name, 'worker', ARGV[6], 'generation', ARGV[1], 'created_at', ARGV[5],
    'status', 'starting', 'token_hash', ARGV[11])
  redis.call('ZADD', KEYS[2], ARGV[5], uid)
  redis.call('PUBLISH', KEYS[4], cjson.encode({ look = uid }))
end
return { 'claimed', name, uid }
