-- One atomic write of a batch of tickers of one source: newer wins, count, append, publish. Publishes only what it stores.
-- KEYS head cache order stream
-- ARGV channel is_sharded candidate_epoch stream_length lifetime_ms, then per ticker: symbol observed_at_us sequence json
-- Returns {number of tickers stored, epoch ('': never written)}.
local head, cache, order, stream = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

local accepted, newest = {}, {}
for i = 6, #ARGV, 4 do
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
if #accepted == 0 then return { 0, redis.call('HGET', head, 'epoch') or '' } end

local epoch = current_epoch(head, cache, order, stream, ARGV[3])
local payloads = {}
for i, symbol in ipairs(accepted) do
  local ticker = newest[symbol]
  redis.call('HSET', cache, symbol, ticker.json)
  redis.call('HSET', order, symbol, ticker.order)
  payloads[i] = ticker.json
end
local seq = redis.call('HINCRBY', head, 'seq', 1)
local message = '{"epoch":"' .. epoch .. '","seq":' .. string.format('%d', seq)
  .. ',"tickers":[' .. table.concat(payloads, ',') .. ']}'
redis.call('XADD', stream, 'MAXLEN', '~', ARGV[4], string.format('%d-0', seq), 'm', message)
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[5]) end
publish(ARGV[2], ARGV[1], message)
return { #accepted, epoch }
