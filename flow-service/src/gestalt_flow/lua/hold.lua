-- Renew the hold on entries that are still this executor's.
-- KEYS ready
-- ARGV group, consumer, entries…
-- -> the entries that are another's by now
local lost = {}
for place = 3, #ARGV do
  local held = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[place], ARGV[place], 1)
  if #held == 1 and held[1][2] == ARGV[2] then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[place], 'JUSTID')
  else
    lost[#lost + 1] = ARGV[place]
  end
end
return lost
