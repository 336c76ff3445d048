-- Append trades of instruments of one source to their lists and publish them, while a session has the lease of the log of bars.
-- KEYS lease, then one list per instrument
-- ARGV session length lifetime_ms channel is_sharded, then per instrument: its symbol and its trades, both JSON
-- Returns 1, or 0 without storing anything if another session has the lease, or none.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local told = {}
for i = 2, #KEYS do
  local at = 2 * i + 2
  redis.call('RPUSH', KEYS[i], ARGV[at + 1])
  redis.call('LTRIM', KEYS[i], -tonumber(ARGV[2]), -1)
  redis.call('PEXPIRE', KEYS[i], ARGV[3])
  told[i - 1] = ARGV[at] .. ':' .. ARGV[at + 1]
end
local message = '{' .. table.concat(told, ',') .. '}'
if ARGV[5] == '1' then
  local sent = redis.pcall('SPUBLISH', ARGV[4], message)
  if type(sent) == 'number' then return 1 end
end
redis.call('PUBLISH', ARGV[4], message)
return 1
