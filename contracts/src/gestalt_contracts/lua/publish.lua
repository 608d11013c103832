-- Append an event and announce it; each entry names the one before it.
-- KEYS stream, seen, intake, intake dropped
-- ARGV event, kept, seen in s ('' without), intake cap ('' without), intake group, random number
-- -> id, entries that the intake's cap dropped; nothing when `seen` was set already
if ARGV[3] ~= '' and not redis.call('SET', KEYS[2], 1, 'NX', 'EX', ARGV[3]) then
  return false
end
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local before, id = '0-0', '*'
if newest then
  before = newest[1]
elseif redis.call('EXISTS', KEYS[1]) == 0 then
  -- a stream that begins anew in the millisecond in which its data was lost must not give an id again
  local time = redis.call('TIME')
  id = string.format('%d%03d-%s', time[1], math.floor(time[2] / 1000), ARGV[6])
end
id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], id, 'before', before, 'event', ARGV[1])
local dropped = 0
if ARGV[4] ~= '' then
  if redis.call('EXISTS', KEYS[3]) == 0 then
    redis.call('XGROUP', 'CREATE', KEYS[3], ARGV[5], '0', 'MKSTREAM')
  end
  redis.call('XADD', KEYS[3], '*', 'id', id, 'event', ARGV[1])
  dropped = redis.call('XTRIM', KEYS[3], 'MAXLEN', '~', ARGV[4])
  if dropped > 0 then
    redis.call('INCRBY', KEYS[4], dropped)
  end
end
redis.call('PUBLISH', KEYS[1], before .. ' ' .. id .. ' ' .. ARGV[1])
return { id, dropped }
