// Four queries as pages hold them in a cache, the live queries that change the same objects, and what a test reads of each query.
export const QUERIES = {
  rates: "query Rates { rates { items { id symbol price } cursor } }",
  sources: "query Sources { sources { id state seenCount source { id code } } }",
  instruments: `query Instruments($after: String) {
    instruments(first: 10, after: $after, filter: { source: BINANCE }) {
      edges { cursor node { id symbol rate { id price } } } pageInfo { hasNextPage endCursor }
    }
  }`,
  consensusRate: 'query Consensus { consensusRate(symbol: "BTC/USDT", minSources: 1) { id price quality } }',
};
export const SUBSCRIPTIONS = {
  rates: "subscription LiveRates { rates { kind cursor items { id price } } }",
  sources: "subscription LiveSources { sources { id state seenCount } }",
  consensusRate:
    'subscription LiveConsensus { consensusRate(symbol: "BTC/USDT", minSources: 1, sampleIntervalMs: 0) { id price quality } }',
};
export const READ = {
  rates: ({ rates }) => Object.fromEntries(rates.items.map(({ id, price }) => [id, price])),
  sources: ({ sources }) => Object.fromEntries(sources.map(({ source, seenCount }) => [source.code, seenCount])),
  instruments: ({ instruments }) => Object.fromEntries(instruments.edges.map(({ node }) => [node.symbol, node.rate?.price ?? null])),
  consensusRate: ({ consensusRate }) => consensusRate.price,
};
export const say = (line) => console.log(JSON.stringify(line));
