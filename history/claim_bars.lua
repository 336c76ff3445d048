-- Take the lease of a log if nobody has it, or keep it.
-- KEYS lease; ARGV session lease_ms
-- Returns 1 if this session has it now, else 0.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
