-- Forget finished runs that are too old or too many, with everything that names them.
-- KEYS runs
-- ARGV key prefix, oldest id to keep, most to keep, most to look at
-- -> how many were forgotten
local excess = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[3])
local forgotten = 0
for place, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, tonumber(ARGV[4]) - 1)) do
  if place > excess and id >= ARGV[2] then
    break
  end
  local run = ARGV[1] .. 'run:' .. id
  local facts = redis.call('HMGET', run, 'status', 'indexes')
  if facts[1] == 'succeeded' or facts[1] == 'failed' or not facts[1] then
    redis.call('DEL', run)
    redis.call('ZREM', KEYS[1], id)
    if facts[1] then
      redis.call('ZREM', ARGV[1] .. 'runs:status:' .. facts[1], id)
      for _, index in ipairs(cjson.decode(facts[2])) do
        redis.call('ZREM', ARGV[1] .. 'runs:' .. index[1] .. ':' .. index[2], id)
      end
    end
    forgotten = forgotten + 1
  end
end
return forgotten
