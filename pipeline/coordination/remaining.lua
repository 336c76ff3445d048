-- Returns the microseconds that are left of a cooldown, by the clock of Redis. KEYS until
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
return string.format('%d', math.max(read_until(KEYS[1], now) - now, 0))
