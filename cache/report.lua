-- Store one process's report on its source, drop expired ones, publish it with the position of the last write.
-- A Redis that refuses writes (its memory is full, its disk fails, it lacks replicas) still publishes: the report is then
-- published, so that gateways learn of the trouble, and the error is returned.
-- The report is dated by the clock of this server, which all processes share.
-- KEYS reports reported head cache order
-- ARGV channel is_sharded candidate_epoch instance lifetime_us json
-- Returns the epoch ('': never written).
local reports, reported, head = KEYS[1], KEYS[2], KEYS[3]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
-- A quote within a text would follow a backslash.
local report = string.gsub(ARGV[6], '"reported_at_us":%-?%d+', '"reported_at_us":' .. string.format('%d', now), 1)

local function drop(from, to)
  for _, instance in ipairs(redis.call('ZRANGEBYSCORE', reported, from, to)) do
    redis.call('HDEL', reports, instance)
    redis.call('ZREM', reported, instance)
  end
end

local function store()
  redis.call('HSET', reports, ARGV[4], report)
  redis.call('ZADD', reported, string.format('%d', now), ARGV[4])
  drop('-inf', '(' .. string.format('%d', now - tonumber(ARGV[5])))
  -- Reported before the clock stepped back: who still runs reports again within seconds.
  drop('(' .. string.format('%d', now), '+inf')
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
publish(ARGV[2], ARGV[1], '{"epoch":"' .. epoch .. '","seq":' .. seq .. ',' .. string.sub(report, 2))
if failure then return redis.error_reply(failure) end
return epoch
