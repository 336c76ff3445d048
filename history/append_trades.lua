-- Append trades of instruments of one source to their lists, while a session has the lease of the log of bars.
-- KEYS lease, then one list per instrument
-- ARGV session length lifetime_ms, then per instrument: count, trades
-- Returns 1, or 0 without storing anything if another session has the lease, or none.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local at = 4
for i = 2, #KEYS do
  local count = tonumber(ARGV[at])
  for n = at + 1, at + count do redis.call('RPUSH', KEYS[i], ARGV[n]) end
  redis.call('LTRIM', KEYS[i], -tonumber(ARGV[2]), -1)
  redis.call('PEXPIRE', KEYS[i], ARGV[3])
  at = at + count + 1
end
return 1
