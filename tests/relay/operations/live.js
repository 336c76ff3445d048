// The operations that relay-compiler compiles; it reads this file, and nothing runs it.
import { graphql } from "relay-runtime";

export default [
  graphql`query liveRatesQuery($symbols: [Symbol!], $onStale: OnStale!) {
    rates(symbols: $symbols, onStale: $onStale) { items { id symbol price } unavailable { symbol reason } cursor }
  }`,
  graphql`query liveSourcesQuery { sources { id state seenCount source { id code } } }`,
  graphql`query liveInstrumentsQuery($filter: InstrumentFilter, $first: Int!, $after: String) {
    instruments(filter: $filter, first: $first, after: $after) @connection(key: "live_instruments", filters: ["filter"]) {
      edges { node { id symbol rate { id price } } }
      totalCount
    }
  }`,
  graphql`query liveConsensusQuery { consensusRate(symbol: "BTC/USDT", minSources: 1) { id price quality } }`,
  graphql`query liveConvertQuery($input: [ConversionInput!]!) {
    conversions(input: $input) { items { id from to result } }
  }`,
  graphql`subscription liveRatesSubscription($symbols: [Symbol!], $after: String) {
    rates(symbols: $symbols, after: $after) { kind recovered cursor items { id symbol price } }
  }`,
  graphql`subscription liveSourcesSubscription { sources { id state seenCount } }`,
  graphql`subscription liveConsensusSubscription {
    consensusRate(symbol: "BTC/USDT", minSources: 1, sampleIntervalMs: 0) { id price quality }
  }`,
];
