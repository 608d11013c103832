-- The list.
-- KEYS sessions   ARGV session prefix, alive prefix
-- -> triples of uid, its owner's lease ('' without one) and the record's fields
local found, leases = {}, {}
for _, uid in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local fields = redis.call('HGETALL', ARGV[1] .. uid)
  local worker = redis.call('HGET', ARGV[1] .. uid, 'worker')
  if worker then
    leases[worker] = leases[worker] or redis.call('GET', ARGV[2] .. worker) or ''
    table.insert(found, { uid, leases[worker], fields })
  end
end
return found
