-- Read a consistent copy of one source: position, tickers, reports. A script, and no transaction: a Redis whose memory is full
-- refuses every command of a transaction, reads included.
-- KEYS head cache reports
-- Returns {epoch ('': never written), seq, tickers, reports}.
local head = redis.call('HMGET', KEYS[1], 'epoch', 'seq')
return { head[1] or '', head[2] or '0', redis.call('HVALS', KEYS[2]), redis.call('HVALS', KEYS[3]) }
