-- Move activities whose pause is over into the line, and tell which timers are due.
-- KEYS delayed, ready, timers, timer
-- ARGV now, most
-- -> when the next is due or '', then timer id, due, timer, … in threes
local jobs = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, job in ipairs(jobs) do
  redis.call('ZREM', KEYS[1], job)
  redis.call('XADD', KEYS[2], '*', 'job', job)
end
local told = { '' }
local found = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[1], 'WITHSCORES', 'LIMIT', 0, ARGV[2])
for place = 1, #found, 2 do
  local timer = redis.call('HGET', KEYS[4], found[place])
  if timer then
    told[#told + 1] = found[place]
    told[#told + 1] = found[place + 1]
    told[#told + 1] = timer
  else
    redis.call('ZREM', KEYS[3], found[place])
  end
end
for _, key in ipairs({ KEYS[1], KEYS[3] }) do
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if first[2] and (told[1] == '' or tonumber(first[2]) < tonumber(told[1])) then
    told[1] = first[2]
  end
end
return told
