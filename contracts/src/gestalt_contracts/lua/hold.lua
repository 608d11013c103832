-- Take or renew a lease on a job.   KEYS lease   ARGV holder, ms   -> 0 when it is another's
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
