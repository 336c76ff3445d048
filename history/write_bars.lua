-- One atomic write of a batch of bars of one source: append it to the log, store positions, publish, keep the lease.
-- KEYS lease log positions
-- ARGV channel is_sharded session lease_ms log_length lifetime_ms batch message, then per position: symbol JSON
-- Returns 1, or 0 without storing anything if another session has the lease, or none.
if redis.call('GET', KEYS[1]) ~= ARGV[3] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[5], '*', 'batch', ARGV[7])
redis.call('PEXPIRE', KEYS[2], ARGV[6])
for i = 9, #ARGV, 2 do redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1]) end
if #ARGV > 8 then redis.call('PEXPIRE', KEYS[3], ARGV[6]) end
if ARGV[2] == '1' then
  local sent = redis.pcall('SPUBLISH', ARGV[1], ARGV[8])
  if type(sent) == 'number' then return 1 end
end
redis.call('PUBLISH', ARGV[1], ARGV[8])
return 1
