// Subscribes with npm graphql-ws, which reconnects by itself: to one address after the other, each time with the cursor of the
// last event.  Prints one JSON line an event:  node graphql_ws_resume.mjs DOCUMENT COUNT URL...
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const [query, count, ...urls] = process.argv.slice(2);
let connections = 0;
let cursor = null;
const client = createClient({
  url: () => urls[connections++ % urls.length],
  webSocketImpl: WebSocket,
  retryAttempts: 20,
  retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
});
let left = Number(count);
// A getter: the client writes the message anew for every connection, so that it carries the cursor of that moment.
for await (const result of client.iterate({ query, variables: { get after() { return cursor; } } })) {
  cursor = result.data.rates.cursor;
  console.log(JSON.stringify({ ...result.data.rates, connections }));
  if (--left === 0) break;
}
await client.dispose();
