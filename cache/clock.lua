-- Share how far the event times of sources are ahead of this server's clock, and read the clock.
-- KEYS shared; ARGV lifetime_us, then per source: name ahead_us
-- Returns the time in microseconds since the epoch, then per source with a recent entry: name ahead_us.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local lifetime = tonumber(ARGV[1])
for i = 2, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1] .. ':' .. string.format('%d', now))
end
if #ARGV > 1 then redis.call('PEXPIRE', KEYS[1], math.ceil(lifetime / 1000)) end
local found = { string.format('%d', now) }
local entries = redis.call('HGETALL', KEYS[1])
for i = 1, #entries, 2 do
  local ahead, at = string.match(entries[i + 1], '^(%-?%d+):(%d+)$')
  -- An entry from the future was written before the clock stepped back.
  if ahead and tonumber(at) <= now and now - tonumber(at) <= lifetime then
    found[#found + 1] = entries[i]
    found[#found + 1] = ahead
  end
end
return found
