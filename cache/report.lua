-- Store one process's report on its source, drop expired ones, publish it with the position of the last write.
-- A Redis that refuses writes (its memory is full, its disk fails, it lacks replicas) still publishes: the report is then
-- published, so that gateways learn of the trouble, and the error is returned.
-- KEYS reports reported head cache order
-- ARGV channel is_sharded candidate_epoch instance reported_at_us lifetime_us json
-- Returns the epoch ('': never written).
local reports, reported, head = KEYS[1], KEYS[2], KEYS[3]

local function store()
  redis.call('HSET', reports, ARGV[4], ARGV[7])
  redis.call('ZADD', reported, ARGV[5], ARGV[4])
  local oldest = string.format('%d', tonumber(ARGV[5]) - tonumber(ARGV[6]))
  for _, instance in ipairs(redis.call('ZRANGEBYSCORE', reported, '-inf', '(' .. oldest)) do
    redis.call('HDEL', reports, instance)
    redis.call('ZREM', reported, instance)
  end
  for _, key in ipairs({ reports, reported }) do redis.call('PEXPIRE', key, 86400000) end
  if redis.call('EXISTS', head) == 0 then return '', '0' end
  return current_epoch(head, KEYS[4], KEYS[5], ARGV[3])
end

local is_stored, epoch, seq = pcall(store)
local failure
if not is_stored then
  failure = type(epoch) == 'table' and epoch.err or tostring(epoch)
  local known = redis.call('HMGET', head, 'epoch', 'seq')
  epoch, seq = known[1] or '', known[2] or '0'
end
publish(ARGV[2], ARGV[1], '{"epoch":"' .. epoch .. '","seq":' .. seq .. ',' .. string.sub(ARGV[7], 2))
if failure then return redis.error_reply(failure) end
return epoch
