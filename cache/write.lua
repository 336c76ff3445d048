-- One atomic write of a batch of tickers of one source: newer wins, count, append, publish. Nothing is published unstored.
-- KEYS head cache order stream
-- ARGV channel candidate_epoch stream_length lifetime_ms, then per ticker: symbol observed_at_us sequence json
-- Returns how many tickers were stored.
local head, cache, order, stream = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

local accepted, newest = {}, {}
for i = 5, #ARGV, 4 do
  local symbol, observed, sequence = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local known = newest[symbol]
  if not known then
    local text = redis.call('HGET', order, symbol)
    if text then
      local us, seq = string.match(text, '^(%-?%d+):(%-?%d+)$')
      known = { observed = tonumber(us), sequence = tonumber(seq) }
    end
  end
  if not known or observed > known.observed or (observed == known.observed and sequence > known.sequence) then
    if not (known and known.json) then accepted[#accepted + 1] = symbol end
    newest[symbol] = {
      observed = observed, sequence = sequence, json = ARGV[i + 3],
      order = ARGV[i + 1] .. ':' .. ARGV[i + 2],
    }
  end
end
if #accepted == 0 then return 0 end

-- A restarted Redis may have lost its last writes and would count them again: another process is another epoch.
local run_id = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local was = redis.call('HMGET', head, 'epoch', 'seq', 'run_id')
local whole = redis.call('EXISTS', cache, order) == 2
if not (was[1] and was[3] == run_id and whole) then
  if not whole then redis.call('DEL', cache, order) end
  redis.call('DEL', stream)
  redis.call('HSET', head, 'epoch', ARGV[2], 'seq', 0, 'run_id', run_id)
  was[1] = ARGV[2]
end

local payloads = {}
for i, symbol in ipairs(accepted) do
  local ticker = newest[symbol]
  redis.call('HSET', cache, symbol, ticker.json)
  redis.call('HSET', order, symbol, ticker.order)
  payloads[i] = ticker.json
end
local seq = redis.call('HINCRBY', head, 'seq', 1)
local message = '{"epoch":"' .. was[1] .. '","seq":' .. string.format('%d', seq)
  .. ',"tickers":[' .. table.concat(payloads, ',') .. ']}'
redis.call('XADD', stream, 'MAXLEN', '~', ARGV[3], string.format('%d-0', seq), 'm', message)
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[4]) end
redis.call('PUBLISH', ARGV[1], message)
return #accepted
