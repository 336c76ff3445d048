// The tabs on a first visit. The name of an operation is the title of its tab, so each name states what it does.
// The lines fit into half of a laptop's window.

export interface Example {
  query: string;
  /** JSON. GraphiQL ignores the variables of the first tab. */
  variables?: string;
}

const ONE_RATE = `# One rate. Run it: Ctrl-Enter.
# maxAgeMs: how old it may be, at most.
# onStale: what you want if it is older:
# RETURN (with its true age), OMIT or ERROR.
query OneRate {
  rate(
    symbol: "BTC/USDT"
    maxAgeMs: 10000
    onStale: RETURN
  ) {
    symbol
    source { code }
    price
    changePercent24h
    observedAt
    ageMs
    ttlMs
    freshness
    simulated
  }
}
`;

const BULK_RATES = `# Many rates in one answer, and what cannot
# be had, with the reason. Without symbols
# and sources: everything that is tracked.
query BulkRates {
  rates(
    symbols: ["BTC/USDT", "ETH/USDT"]
  ) {
    items {
      symbol
      source { code }
      price
      ageMs
      freshness
    }
    unavailable {
      symbol
      source { code }
      reason
      message
    }
    cursor
  }
}
`;

const LIVE_RATES = `# First a SNAPSHOT, then UPDATEs with what
# has moved. Run it again to stop.
# sampleIntervalMs: at most one event in so
# many milliseconds, with the newest values.
subscription LiveRates {
  rates(
    symbols: ["BTC/USDT", "ETH/USDT"]
    sampleIntervalMs: 250
  ) {
    kind
    sentAt
    conflatedCount
    items {
      symbol
      source { code }
      price
      ageMs
      freshness
    }
  }
}
`;

const RESUME = `# Run it, stop it, and copy the last cursor
# into the variables: "after": "...". Run it
# again: recovered says that nothing was
# missed, and items are just what changed.
# Too long ago to prove: a GAP comes first.
subscription Resume($after: String) {
  rates(
    symbols: ["BTC/USDT"]
    after: $after
  ) {
    kind
    recovered
    cursor
    items {
      symbol
      source { code }
      price
      observedAt
    }
  }
}
`;

const SOURCES = `# How each source is doing, and why.
# The same as a subscription keeps telling.
query Sources {
  sources {
    source { code }
    state
    reason
    lastTickerAt
    lagMs
    tickersPerMinute
    freshCount
    trackedCount
    silent
    refusedCount
    reconnectCount
    budget {
      limit
      remaining
      resetsAt
    }
  }
}
`;

const CONSENSUS = `# One price of all sources of a symbol, and
# what became of each of them.
# Run it again to stop.
subscription Consensus {
  consensusRate(
    symbol: "BTC/USD"
    method: MEDIAN
    minSources: 1
    maxDeviationBps: 50
  ) {
    price
    quality
    divergenceBps
    freshness
    contributions {
      source { code }
      usedPrice
      included
      weight
      deviationBps
      exclusion
      message
    }
  }
}
`;

const CONVERT = `# An amount of one asset in another, over the
# rates there are, with every step. The
# oldest step decides the freshness.
query Convert {
  conversion(
    amount: "1.5"
    from: "BTC"
    to: "ETH"
  ) {
    result
    rate
    ageMs
    freshness
    legs {
      from
      to
      operation
      usedPrice
      rate {
        symbol
        source { code }
        ageMs
      }
    }
  }
}
`;

const INSTRUMENTS = `# What is tracked. Ctrl-Space in the braces
# lists the fields.
query Instruments {
  instruments(filter: {search: "bitcoin"}, first: 10) {
    nodes {
      symbol
      source { code }
      name
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`;

export const EXAMPLES: readonly Example[] = [
  { query: ONE_RATE },
  { query: BULK_RATES },
  { query: LIVE_RATES },
  { query: RESUME, variables: '{\n  "after": null\n}\n' },
  { query: SOURCES },
  { query: CONSENSUS },
  { query: CONVERT },
  { query: INSTRUMENTS },
];
