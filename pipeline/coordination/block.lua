-- The end of a block, in microseconds; 0 without one. Its key holds the end and the span. If it ends later than its span from now,
-- the clock has stepped back since, and the block counts from now.
local function read_until(key, now)
  local text = redis.call('GET', key)
  if not text then return 0 end
  local ends, span = string.match(text, '^(%d+):?(%d*)$')
  ends, span = tonumber(ends), tonumber(span)
  if span and ends > now + span then
    ends = now + span
    redis.call('SET', key, string.format('%d:%d', ends, span), 'PX', math.ceil(span / 1000) + 1000)
  end
  return ends
end
