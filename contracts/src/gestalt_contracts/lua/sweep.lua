-- Notice who has gone, call lost what was away too long, forget what never came back.
-- KEYS workers, sessions, summaries
-- ARGV lost after s, forgotten after s, most single announcements, worker, alive, session and name prefixes
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local stamp = string.format('%d.%06d', time[1], time[2])
local lost_after, forgotten_after = tonumber(ARGV[1]), tonumber(ARGV[2])
local told, leases, gone_since, owners = {}, {}, {}, {}

local function away_for(since)
  return now - tonumber(since)
end

local function sweep_session(uid)
  local key = ARGV[6] .. uid
  local known = redis.call('HMGET', key, 'worker', 'generation', 'away_since', 'lost', 'id')
  local worker, since = known[1], known[3]
  if not worker then
    redis.call('ZREM', KEYS[2], uid)
    return
  end
  owners[worker] = true
  leases[worker] = leases[worker] or redis.call('GET', ARGV[5] .. worker) or ''
  if leases[worker] == known[2] then
    return
  end
  if not since then
    since = stamp
    redis.call('HSET', key, 'away_since', stamp)
    table.insert(told, { look = uid })
  end
  if away_for(since) >= forgotten_after then
    if redis.call('GET', ARGV[7] .. known[5]) == uid then
      redis.call('DEL', ARGV[7] .. known[5])
    end
    redis.call('DEL', key)
    redis.call('ZREM', KEYS[2], uid)
    table.insert(told, { removed = uid })
  elseif not known[4] and away_for(since) >= lost_after then
    redis.call('HSET', key, 'lost', 1)
    table.insert(told, { look = uid })
  end
end

local workers = redis.call('SMEMBERS', KEYS[1])
for _, id in ipairs(workers) do
  leases[id] = redis.call('GET', ARGV[5] .. id) or ''
  if leases[id] == '' then
    gone_since[id] = redis.call('HGET', ARGV[4] .. id, 'gone_since') or nil
    if not gone_since[id] then
      gone_since[id] = stamp
      redis.call('HSET', ARGV[4] .. id, 'gone_since', stamp)
      table.insert(told, { worker = id })
    end
  end
end
for _, uid in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  sweep_session(uid)
end
for id, since in pairs(gone_since) do
  if not owners[id] and away_for(since) >= lost_after then
    redis.call('SREM', KEYS[1], id)
    redis.call('DEL', ARGV[4] .. id)
  end
end

if #told > tonumber(ARGV[3]) then
  told = { { all = true } }
end
for _, word in ipairs(told) do
  redis.call('PUBLISH', KEYS[3], cjson.encode(word))
end
