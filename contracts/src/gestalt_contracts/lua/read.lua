-- A page of a stream, and what is needed to judge whether the reader's place is still covered.
-- KEYS stream   ARGV place, entries wanted
-- -> whether the place is an entry, oldest entry's id and predecessor, newest id, entries (id, predecessor, event)
local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if not oldest then
  return { 0, '', '0-0', '0-0', {} }
end
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local held, entries = 0, {}
if ARGV[1] ~= '0-0' then
  held = #redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])
end
if tonumber(ARGV[2]) > 0 then
  for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])) do
    table.insert(entries, { entry[1], entry[2][2], entry[2][4] })
  end
end
return { held, oldest[1], oldest[2][2], newest[1], entries }
