-- Block calls to a source for a span, by the clock of Redis unless a time is given. Never shortens a longer block.
-- KEYS until; ARGV span_us now_us ('': Redis's own)
local now = tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local span = tonumber(ARGV[1])
if now + span > read_until(KEYS[1], now) then
  redis.call('SET', KEYS[1], string.format('%d:%d', now + span, span), 'PX', math.ceil(span / 1000) + 1000)
end
return 1
