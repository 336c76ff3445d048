// Relay's store: holds four queries, then subscribes. Prints what each query holds whenever that changes, and how many requests the
// queries took, until it is ended:  node cache.js URL
import relay from "relay-runtime";
import consensusQuery from "./generated/liveConsensusQuery.graphql.js";
import consensusSubscription from "./generated/liveConsensusSubscription.graphql.js";
import instrumentsQuery from "./generated/liveInstrumentsQuery.graphql.js";
import ratesQuery from "./generated/liveRatesQuery.graphql.js";
import ratesSubscription from "./generated/liveRatesSubscription.graphql.js";
import sourcesQuery from "./generated/liveSourcesQuery.graphql.js";
import sourcesSubscription from "./generated/liveSourcesSubscription.graphql.js";
import { READ } from "../clients/cached_operations.mjs";
import { createEnvironment, say } from "./environment.js";

const { environment, requests } = createEnvironment(process.argv[2]);
const queries = {
  rates: [ratesQuery, { onStale: "RETURN" }],
  sources: [sourcesQuery, {}],
  instruments: [instrumentsQuery, { filter: { source: "BINANCE" }, first: 10 }],
  consensusRate: [consensusQuery, {}],
};
await Promise.all(Object.entries(queries).map(async ([name, [query, variables]]) => {
  await relay.fetchQuery(environment, query, variables).toPromise();
  const operation = relay.createOperationDescriptor(query, variables);
  environment.retain(operation);
  const print = ({ data }) => say({ query: name, holds: READ[name](data) });
  const snapshot = environment.lookup(operation.fragment);
  print(snapshot);
  environment.subscribe(snapshot, print);
}));
for (const [name, subscription] of Object.entries({ rates: ratesSubscription, sources: sourcesSubscription, consensusRate: consensusSubscription })) {
  relay.requestSubscription(environment, {
    subscription,
    variables: {},
    onNext: () => say({ event: name, requests: requests.count }),
    onError: (error) => say({ event: name, error: String(error) }),
  });
}
