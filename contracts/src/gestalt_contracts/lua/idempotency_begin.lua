-- Claim a key, or tell what became of it.
-- KEYS claim   ARGV fingerprint, owner, generation, mark, detail, kept in s, alive prefix
-- -> 'started' | 'mismatch' | 'running' | 'interrupted', detail | 'replay', status, headers, body
local known = redis.call('HMGET', KEYS[1], 'fingerprint', 'owner', 'generation', 'status', 'detail')
if not known[1] then
  redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'owner', ARGV[2], 'generation', ARGV[3], 'mark', ARGV[4],
    'detail', ARGV[5])
  redis.call('EXPIRE', KEYS[1], ARGV[6])
  return { 'started' }
end
if known[1] ~= ARGV[1] then
  return { 'mismatch' }
end
if known[4] then
  local answer = redis.call('HMGET', KEYS[1], 'headers', 'body')
  return { 'replay', known[4], answer[1], answer[2] }
end
if redis.call('GET', ARGV[7] .. known[2]) == known[3] then
  return { 'running' }
end
redis.call('HSET', KEYS[1], 'owner', ARGV[2], 'generation', ARGV[3], 'mark', ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[6])
return { 'interrupted', known[5] }
