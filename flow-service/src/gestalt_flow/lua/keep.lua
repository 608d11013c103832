-- Keep what an attempt has found out, if it is still its executor's.
-- KEYS ready, run
-- ARGV group, consumer, entry, place, record
-- -> whether it was
local held = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)
if #held == 0 or held[1][2] ~= ARGV[2] or redis.call('EXISTS', KEYS[2]) == 0 then
  return 0
end
redis.call('HSET', KEYS[2], 'a:' .. ARGV[4], ARGV[5])
return 1
