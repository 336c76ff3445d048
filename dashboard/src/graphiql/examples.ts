// The tabs that a first visitor finds. An operation's name is its tab's title, so each reads as what it does.
// No variables: GraphiQL drops those of the first tab. Lines fit half a laptop's window.

const ONE_RATE = `# One rate. Run it: Ctrl-Enter.
# maxAgeMs: how old it may be, at most.
# onStale: what you want if it is older:
# RETURN (with its true age), NULL or ERROR.
query OneRate {
  rate(
    symbol: "BTC/USDT"
    maxAgeMs: 10000
    onStale: RETURN
  ) {
    symbol
    source
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
    sources: [BINANCE, COINGECKO]
  ) {
    items {
      symbol
      source
      price
      ageMs
      freshness
    }
    unavailable {
      symbol
      source
      reason
      message
    }
    cursor
  }
}
`;

const LIVE_RATES = `# First a SNAPSHOT, then UPDATEs with what
# has moved. Run it again to stop.
subscription LiveRates {
  rates(
    symbols: ["BTC/USDT", "ETH/USDT"]
  ) {
    kind
    sentAt
    conflated
    items {
      symbol
      source
      price
      ageMs
      freshness
    }
  }
}
`;

const SOURCES = `# How each source is doing, and why.
query Sources {
  sources {
    source
    state
    reason
    lastTickerAt
    lagMs
    tickersPerMinute
    refused
    reconnects
  }
}
`;

const INSTRUMENTS = `# What is tracked. Ctrl-Space in the braces
# lists the fields.
query Instruments {
  instruments(search: "BTC", first: 10) {
    edges {
      node {
        symbol
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`;

export const EXAMPLES: readonly string[] = [ONE_RATE, BULK_RATES, LIVE_RATES, SOURCES, INSTRUMENTS];
