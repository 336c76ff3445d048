-- Store changes of keys and publish each.
-- KEYS: sorted set of changes by revision; hash: `revision` up to which they were told, `since` which they are all there.
-- ARGV: revision; since; how many are kept; channel; 1 to drop what is there; then revision and JSON of each change.
local changes, state = KEYS[1], KEYS[2]
local revision, since = tonumber(ARGV[1]), tonumber(ARGV[2])
local known = tonumber(redis.call('HGET', state, 'revision') or '-1')
if ARGV[5] == '1' or known < since then
  -- What lies between is missing.
  redis.call('DEL', changes, state)
  redis.call('HSET', state, 'since', since)
  known = -1
end
for index = 6, #ARGV, 2 do
  redis.call('ZADD', changes, ARGV[index], ARGV[index + 1])
  redis.call('PUBLISH', ARGV[4], ARGV[index + 1])
end
local surplus = redis.call('ZCARD', changes) - tonumber(ARGV[3])
if surplus > 0 then
  local dropped = redis.call('ZRANGE', changes, surplus - 1, surplus - 1, 'WITHSCORES')
  redis.call('ZREMRANGEBYRANK', changes, 0, surplus - 1)
  redis.call('HSET', state, 'since', dropped[2])
end
if known < revision then
  redis.call('HSET', state, 'revision', revision)
end
return revision
