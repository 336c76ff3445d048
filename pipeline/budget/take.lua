-- Take one call out of a source's budget, by the clock of Redis, so that replicas need not agree on the time.
-- KEYS calls not_before month; ARGV window_us limit monthly (-1: none) call_id
-- Returns {verdict, calls left, microseconds since the epoch}: the time is when the next call is certain to be allowed.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local window, limit, monthly = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

local function whole(number) return string.format('%d', number) end

local not_before = tonumber(redis.call('GET', KEYS[2]) or '0')
if now < not_before then return { 'held', 0, whole(not_before) } end

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. whole(now - window))
local count = redis.call('ZCARD', KEYS[1])
local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
if count >= limit then return { 'spent', 0, whole(tonumber(oldest) + window) } end
if monthly >= 0 and tonumber(redis.call('GET', KEYS[3]) or '0') >= monthly then return { 'quota', 0, whole(now) } end

redis.call('ZADD', KEYS[1], whole(now), ARGV[4])
redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000) + 1000)
redis.call('INCR', KEYS[3])
redis.call('EXPIRE', KEYS[3], 32 * 86400)
return { 'taken', limit - count - 1, whole(tonumber(oldest or now) + window) }
