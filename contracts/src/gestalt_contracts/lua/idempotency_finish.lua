-- Store the answer of a claim, or free its key when there is none; nothing when the claim is another's by now or
-- was answered already.
-- KEYS claim   ARGV mark, kept in s, and for an answer: status, headers, body
local known = redis.call('HMGET', KEYS[1], 'mark', 'status')
if known[1] ~= ARGV[1] or known[2] then
  return 0
end
if #ARGV == 2 then
  redis.call('DEL', KEYS[1])
else
  redis.call('HSET', KEYS[1], 'status', ARGV[3], 'headers', ARGV[4], 'body', ARGV[5])
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return 1
