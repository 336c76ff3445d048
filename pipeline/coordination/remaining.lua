-- Returns the microseconds that are left of a cooldown, by the clock of Redis. KEYS until
local time = redis.call('TIME')
local left_us = tonumber(redis.call('GET', KEYS[1]) or '0') - (tonumber(time[1]) * 1000000 + tonumber(time[2]))
return string.format('%d', math.max(left_us, 0))
