-- All known workers.
-- KEYS workers   ARGV worker prefix, alive prefix
-- -> pairs of lease ('' without one) and the record's fields
local found = {}
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  table.insert(found, { redis.call('GET', ARGV[2] .. id) or '', redis.call('HGETALL', ARGV[1] .. id) })
end
return found
