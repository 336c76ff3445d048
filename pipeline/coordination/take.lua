-- Take one call out of a source's budget, by one clock for all replicas: that of Redis, unless a time is given.
-- KEYS calls not_before month pace rest; ARGV window_us limit monthly (-1: none) call_id month_end_us now_us ('': Redis's own)
-- Returns {verdict, calls left, microseconds since the epoch, calls of the month left (-1: no quota), present time in
-- microseconds}: the first time is when the next call is certain to be allowed.
local now = tonumber(ARGV[6])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local window, limit, monthly = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

local function whole(number) return string.format('%d', number) end

local used = tonumber(redis.call('GET', KEYS[3]) or '0')
local left = monthly >= 0 and math.max(monthly - used, 0) or -1

local not_before = read_until(KEYS[2], now)
if now < not_before then return { 'held', 0, whole(not_before), left, whole(now) } end
if left == 0 then return { 'quota', 0, whole(now), 0, whole(now) } end
local rest = math.max(read_until(KEYS[4], now), read_until(KEYS[5], now))
if now < rest then return { 'paced', 0, whole(rest), left, whole(now) } end

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. whole(now - window))
-- Calls from the future were made before the clock stepped back: they count as made now.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. whole(now), '+inf')) do
  redis.call('ZADD', KEYS[1], whole(now), id)
end
local count = redis.call('ZCARD', KEYS[1])
local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
if count >= limit then return { 'spent', 0, whole(tonumber(oldest) + window), left, whole(now) } end

redis.call('ZADD', KEYS[1], whole(now), ARGV[4])
redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000) + 1000)
redis.call('INCR', KEYS[3])
redis.call('EXPIRE', KEYS[3], 32 * 86400)
if left > 1 then
  -- What is left of the month is shared out evenly over the calls that are left.
  local pause = math.floor((tonumber(ARGV[5]) - now) / left)
  redis.call('SET', KEYS[4], string.format('%d:%d', now + pause, pause), 'PX', math.ceil(pause / 1000) + 1000)
end
return {
  'taken', limit - count - 1, whole(tonumber(oldest or now) + window), left < 0 and -1 or left - 1, whole(now),
}
