-- Joined before write.lua and report.lua: epochs and publication.

-- Identifies the history of writes that this server has. Redis picks a new replication ID when it starts and when it
-- is promoted; either way its last writes may be missing here. Some managed services hide it: then the process counts.
local function server_history()
  return string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
    or string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') or ''
end

-- Returns epoch and seq of the cache. Begins the epoch `candidate` if the cache was lost, wholly or in part, or if the
-- server has another history than the one that wrote it.
local function current_epoch(head, cache, order, candidate)
  local known, history = redis.call('HMGET', head, 'epoch', 'seq', 'history'), server_history()
  local present = redis.call('EXISTS', cache, order)
  local is_whole = present == 2 or (present == 0 and known[2] == '0')
  if known[1] and known[3] == history and is_whole then return known[1], known[2] end
  if not is_whole then redis.call('DEL', cache, order) end
  redis.call('HSET', head, 'epoch', candidate, 'seq', 0, 'history', history)
  return candidate, '0'
end

-- Publishes within the shard where subscribers use sharded channels (Redis Cluster from 7.0 on), else everywhere.
local function publish(is_sharded, channel, message)
  if is_sharded == '1' then
    local sent = redis.pcall('SPUBLISH', channel, message)
    if type(sent) == 'number' then return end
  end
  redis.call('PUBLISH', channel, message)
end
