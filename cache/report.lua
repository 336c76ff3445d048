-- Store one process's report on its source, forget processes that went silent, publish.
-- KEYS reports reported; ARGV channel instance reported_at_us lifetime_us json
local reports, reported = KEYS[1], KEYS[2]
redis.call('HSET', reports, ARGV[2], ARGV[5])
redis.call('ZADD', reported, ARGV[3], ARGV[2])
local gone = redis.call('ZRANGEBYSCORE', reported, '-inf', '(' .. string.format('%d', tonumber(ARGV[3]) - tonumber(ARGV[4])))
for _, instance in ipairs(gone) do
  redis.call('HDEL', reports, instance)
  redis.call('ZREM', reported, instance)
end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, 86400000) end
redis.call('PUBLISH', ARGV[1], ARGV[5])
return 1
