-- Lease points of a budget, and note what the streams of a gateway cost, by the clock of Redis unless a time is given.
-- KEYS arrival streams; ARGV points window_us capacity wanted least gateway stream_points lifetime_us debt now_us ('': Redis's own)
-- Returns {points leased, points available, microseconds until `least` is available, points a second of the streams of other
-- gateways, number of gateways}. `access/gcra.py` has the same arithmetic.

-- Times count from 2026, so that a double holds small parts of a microsecond.
local ORIGIN_S = 1767225600
local now = tonumber(ARGV[10])
if not now then
  local time = redis.call('TIME')
  now = (tonumber(time[1]) - ORIGIN_S) * 1000000 + tonumber(time[2])
end
local points, window, capacity = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local wanted, least, lifetime = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[8])
local function whole(number) return string.format('%d', number) end

local leased, available, retry = 0, capacity, 0
if points > 0 then
  local point = window / points
  -- The clock may be before 2026.
  local arrival, longest = tonumber(redis.call('GET', KEYS[1]) or now), now + 2 * capacity * point
  if arrival > longest then arrival = now + capacity * point end
  arrival = math.min(math.max(arrival, now) + tonumber(ARGV[9]) * point, longest)
  available = math.floor(capacity - (arrival - now) / point + 0.001)
  if available < least then
    retry = math.ceil((math.min(least, capacity) - available) * point)
  elseif wanted > 0 then
    leased = math.max(least, math.min(wanted, math.floor(available * 0.25)))
    available = available - leased
    arrival = arrival + leased * point
  end
  if leased > 0 or ARGV[9] ~= '0' then
    redis.call('SET', KEYS[1], string.format('%.17g', arrival), 'PX', math.ceil((arrival - now) / 1000) + 1000)
  end
end

-- One field for each gateway: `points a second:end`.
local others, gateways = 0, 1
for _, field in ipairs(redis.call('HKEYS', KEYS[2])) do
  if field ~= ARGV[6] then
    local cost, ends = string.match(redis.call('HGET', KEYS[2], field), '^(%d+):(-?%d+)$')
    if tonumber(ends) < now then
      redis.call('HDEL', KEYS[2], field)
    else
      others, gateways = others + tonumber(cost), gateways + 1
    end
  end
end
redis.call('HSET', KEYS[2], ARGV[6], ARGV[7] .. ':' .. whole(now + lifetime))
redis.call('PEXPIRE', KEYS[2], math.ceil(lifetime / 1000) + 1000)
return { leased, whole(available), whole(retry), whole(others), gateways }
