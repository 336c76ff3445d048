// The normalised cache of urql: holds four queries, then subscribes. Prints what each query holds whenever that changes, and how many
// requests the queries took, until its input ends:  node graphcache.mjs URL
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { cacheExchange } from "@urql/exchange-graphcache";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { QUERIES, READ, SUBSCRIPTIONS, say } from "./cached_operations.mjs";

const [url] = process.argv.slice(2);
let requests = 0;
const socket = createClient({ url: url.replace("http", "ws"), webSocketImpl: WebSocket, retryAttempts: 0 });
// Types without an id are parts of the object that has them.
const embedded = () => null;
const client = new Client({
  url,
  preferGetMethod: false,
  fetch: (...request) => {
    requests += 1;
    return fetch(...request);
  },
  exchanges: [
    cacheExchange({ keys: { RateList: embedded, RatesEvent: embedded, InstrumentConnection: embedded, InstrumentEdge: embedded, PageInfo: embedded } }),
    fetchExchange,
    subscriptionExchange({
      forwardSubscription: ({ query, variables }) => ({
        subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
      }),
    }),
  ],
});

await Promise.all(Object.entries(QUERIES).map(([name, text]) => new Promise((resolve, reject) => {
  client.query(text, {}).subscribe(({ data, error }) => {
    if (error) reject(error);
    if (!data) return;
    say({ query: name, holds: READ[name](data) });
    resolve();
  });
})));
for (const [name, text] of Object.entries(SUBSCRIPTIONS)) {
  client.subscription(text, {}).subscribe(({ error }) => say({ event: name, requests, error: error?.message }));
}
process.stdin.on("end", () => process.exit(0)).resume();
