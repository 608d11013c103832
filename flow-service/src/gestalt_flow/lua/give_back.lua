-- Put activities that were not begun back in the line, for another executor.
-- KEYS ready
-- ARGV group, consumer, then entry and job by turns
for place = 3, #ARGV, 2 do
  local held = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[place], ARGV[place], 1)
  if #held == 1 and held[1][2] == ARGV[2] then
    redis.call('XACK', KEYS[1], ARGV[1], ARGV[place])
    redis.call('XDEL', KEYS[1], ARGV[place])
    redis.call('XADD', KEYS[1], '*', 'job', ARGV[place + 1])
  end
end
return 1
