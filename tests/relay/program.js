// Runs operations as relay-compiler compiles them, and prints one JSON line a result.  node program.js URL
import relay from "relay-runtime";
import convertQuery from "./generated/liveConvertQuery.graphql.js";
import instrumentsQuery from "./generated/liveInstrumentsQuery.graphql.js";
import ratesQuery from "./generated/liveRatesQuery.graphql.js";
import ratesSubscription from "./generated/liveRatesSubscription.graphql.js";
import { createEnvironment, say } from "./environment.js";

const { environment, close } = createEnvironment(process.argv[2]);
const execute = (query, variables) => relay.fetchQuery(environment, query, variables).toPromise();

const { rates } = await execute(ratesQuery, { symbols: ["BTC/USDT", "NO/SUCH"], onStale: "RETURN" });
say({
  rates: rates.items.map(({ id, price }) => [id, id.split(":")[1], price]),
  unavailable: rates.unavailable.map(({ symbol, reason }) => [symbol, reason]),
});

const filter = { source: "BINANCE" };
let seen = 0;
let after = null;
do {
  // Relay appends each page to the connection that its store holds.
  await execute(instrumentsQuery, { filter, first: 1, after });
  const held = environment.lookup(relay.createOperationDescriptor(instrumentsQuery, { filter, first: 1 }).fragment).data.instruments;
  say({ page: held.edges.slice(seen).map(({ node }) => node.symbol), total: held.totalCount });
  seen = held.edges.length;
  after = held.pageInfo.hasNextPage ? held.pageInfo.endCursor : null;
} while (after);

const { conversions } = await execute(convertQuery, { input: [{ amount: "2", from: "BTC", to: "USDT" }] });
say({ conversions: conversions.items.map(({ from, to, result }) => [from, to, result]) });

await new Promise((resolve, reject) => {
  const running = relay.requestSubscription(environment, {
    subscription: ratesSubscription,
    variables: { symbols: ["BTC/USDT"] },
    onError: reject,
    onNext: ({ rates: event }) => {
      if (event.kind === "HEARTBEAT") return;
      say({ kind: event.kind, prices: event.items.map(({ price }) => price) });
      if (event.kind === "UPDATE") {
        running.dispose();
        resolve();
      }
    },
  });
});
close();
