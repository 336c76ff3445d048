-- Let nobody call a source for a while, by the clock of Redis; never shortens a longer hold.
-- KEYS not_before; ARGV span_us
local time = redis.call('TIME')
local until_us = tonumber(time[1]) * 1000000 + tonumber(time[2]) + tonumber(ARGV[1])
if until_us > tonumber(redis.call('GET', KEYS[1]) or '0') then
  redis.call('SET', KEYS[1], string.format('%d', until_us), 'PX', math.ceil(tonumber(ARGV[1]) / 1000) + 1000)
end
return 1
