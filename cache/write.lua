-- One atomic write of a batch of tickers of one source: newer wins, count, store, publish. Publishes only what it stores.
-- KEYS head cache order
-- ARGV channel is_sharded candidate_epoch lifetime_ms, then per ticker: symbol observed_at_us sequence
--   last_trade_at_us ('' if unknown) body (its JSON object without the opening brace: one concatenation less)
-- A ticker without the time of the last trade takes over the stored one if both have the same sequence, which is not 0.
-- The cached JSON begins with epoch and seq of the write that stored it.
-- Returns {number of tickers stored, epoch ('': never written)}.
local head, cache, order = KEYS[1], KEYS[2], KEYS[3]
-- Of one command: Lua's stack holds 8,000. Even, because fields and values are pairs.
local MAX_ARGUMENTS = 1000

local accepted, newest = {}, {}
for i = 5, #ARGV, 5 do
  local symbol, observed, sequence = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local trade, body = ARGV[i + 3], ARGV[i + 4]
  local known = newest[symbol]
  if not known then
    local text = redis.call('HGET', order, symbol)
    if text then
      local us, seq, at = string.match(text, '^(%-?%d+):(%-?%d+):?(%-?%d*)$')
      known = { observed = tonumber(us), sequence = tonumber(seq), trade = at }
    end
  end
  if not known or observed > known.observed or (observed == known.observed and sequence > known.sequence) then
    if not (known and known.body) then accepted[#accepted + 1] = symbol end
    if trade == '' and known and known.trade ~= '' and sequence ~= 0 and sequence == known.sequence then
      trade = known.trade
      body = '"last_trade_at_us":' .. trade .. ',' .. body
    end
    newest[symbol] = {
      observed = observed, sequence = sequence, trade = trade, body = body,
      order = ARGV[i + 1] .. ':' .. ARGV[i + 2] .. (trade ~= '' and ':' .. trade or ''),
    }
  end
end
if #accepted == 0 then return { 0, redis.call('HGET', head, 'epoch') or '' } end

local epoch = current_epoch(head, cache, order, ARGV[3])
local seq = redis.call('HINCRBY', head, 'seq', 1)
local position = '{"epoch":"' .. epoch .. '","seq":' .. string.format('%d', seq) .. ','
local bodies, cached, ordered = {}, {}, {}
for i, symbol in ipairs(accepted) do
  local ticker = newest[symbol]
  bodies[i] = ticker.body
  cached[2 * i - 1], cached[2 * i] = symbol, position .. ticker.body
  ordered[2 * i - 1], ordered[2 * i] = symbol, ticker.order
end
for i = 1, #cached, MAX_ARGUMENTS do
  local last = math.min(i + MAX_ARGUMENTS - 1, #cached)
  redis.call('HSET', cache, unpack(cached, i, last))
  redis.call('HSET', order, unpack(ordered, i, last))
end
local message = position .. '"tickers":[{' .. table.concat(bodies, ',{') .. ']}'
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[4]) end
publish(ARGV[2], ARGV[1], message)
return { #accepted, epoch }
