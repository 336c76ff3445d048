-- Share how far the event times of sources are ahead of this server's clock, and read the clock.
-- KEYS shared; ARGV lifetime_us, then per source: name ahead_us
-- Returns the time in microseconds since the epoch, then per source with a recent entry: name ahead_us.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local lifetime = tonumber(ARGV[1])
for i = 2, #ARGV, 2 do
  local known, at = string.match(redis.call('HGET', KEYS[1], ARGV[i]) or '', '^(%-?%d+):(%d+)$')
  local age = now - tonumber(at or '0')
  -- The most prompt process of a source tells; the others are late by their polls.
  if not known or age < 0 or age > lifetime / 2 or tonumber(known) <= tonumber(ARGV[i + 1]) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1] .. ':' .. string.format('%d', now))
  end
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
