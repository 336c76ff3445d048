// The best peer in Node: Mercurius with its compiler of queries, on the same Redis data.
//
//   node mercurius.mjs PORT CACHE_KEY CHANNEL REDIS_URL
//
// It keeps the rates in memory, as the gateway does, and reads the changes of one Redis subscription. It has none of the
// gateway's contracts: no limits, no freshness rules, no conflation, no resume.

import Fastify from 'fastify'
import mercurius from 'mercurius'
import { createClient } from 'redis'

const [port, cacheKey, channel, url] = process.argv.slice(2)
const SCHEMA = `
  type Source { code: String! }
  type Rate { symbol: String! source: Source! price: String! bid: String ask: String observedAt: String! ageMs: Int! }
  type Rates { items: [Rate!]! }
  type Query { rate(symbol: String!): Rate rates(symbols: [String!]!): Rates! }
  type Subscription { rates(symbols: [String!]!): Rates! }
`
const BINANCE = { code: 'BINANCE' }

class Rate {
  constructor(ticker) {
    this.symbol = ticker.symbol
    this.source = BINANCE
    this.price = ticker.price
    this.bid = ticker.bid
    this.ask = ticker.ask
    this.observedAtUs = ticker.observed_at_us
    this.observedAt = new Date(ticker.observed_at_us / 1000).toISOString()
  }

  get ageMs() {
    return Math.max(0, Math.ceil(Date.now() - this.observedAtUs / 1000))
  }
}

const rates = new Map()
const app = Fastify()
const redis = createClient({ url })
await redis.connect()
const changes = redis.duplicate()
await changes.connect()
await changes.subscribe(channel, message => {
  const changed = JSON.parse(message)
  for (const ticker of changed.tickers ?? []) {
    const rate = new Rate(ticker)
    rates.set(rate.symbol, rate)
    app.graphql.pubsub.publish({ topic: rate.symbol, payload: { rates: { items: [rate] } } })
  }
})

const list = symbols => ({ items: symbols.map(each => rates.get(each)).filter(Boolean) })

app.register(mercurius, {
  schema: SCHEMA,
  jit: 1,
  subscription: true,
  resolvers: {
    Query: {
      rate: (_, { symbol }) => rates.get(symbol),
      rates: (_, { symbols }) => list(symbols),
    },
    Subscription: {
      rates: {
        async *subscribe(_, { symbols }, { pubsub }) {
          const events = await pubsub.subscribe(symbols)
          yield { rates: list(symbols) }
          yield* events
        },
      },
    },
  },
})
await app.ready()
for (const text of await redis.hVals(cacheKey)) {
  const ticker = JSON.parse(text)
  if (ticker.symbol) rates.set(ticker.symbol, new Rate(ticker))
}
await app.listen({ port: Number(port), host: '127.0.0.1', backlog: 2048 })
