-- Claim the present tick of a schedule, by the clock of Redis: the first to ask gets it.
-- KEYS claimed; ARGV interval_us least_left_us lifetime_ms
-- Returns {1 if claimed, else 0; number of the tick; time in microseconds since the epoch}.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local interval = tonumber(ARGV[1])
local number = string.format('%d', (now - now % interval) / interval)
local claimed = 0
-- Any other number is an earlier tick, or one before the clock stepped back.
if interval - now % interval >= tonumber(ARGV[2]) and redis.call('GET', KEYS[1]) ~= number then
  redis.call('SET', KEYS[1], number, 'PX', ARGV[3])
  claimed = 1
end
return { claimed, number, string.format('%d', now) }
