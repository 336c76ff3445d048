// npm graphql-ws on a connection that it stops reading after the first event, until a line comes in on stdin. Prints every event and
// every close as a JSON line:  node graphql_ws_stalled.mjs URL DOCUMENT
import { createInterface } from "node:readline";
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const [url, query] = process.argv.slice(2);
let cursor = null;
let opened;
const client = createClient({
  url,
  webSocketImpl: WebSocket,
  retryAttempts: 20,
  retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
  on: {
    opened: (socket) => { opened = socket; },
    closed: (event) => console.log(JSON.stringify({ closed: event.code, reason: event.reason })),
  },
});
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
lines.next().then(() => opened.resume());
let count = 0;
for await (const result of client.iterate({ query, variables: { get after() { return cursor; } } })) {
  cursor = result.data.rates.cursor;
  const { kind, recovered, conflated } = result.data.rates;
  console.log(JSON.stringify({ kind, recovered, conflated, price: Number(result.data.rates.items.at(-1)?.price) }));
  if (++count === 1) opened.pause();
}
