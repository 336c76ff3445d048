// Subscribes with npm graphql-ws and prints one JSON line an event:  node subscribe.mjs URL DOCUMENT VARIABLES COUNT
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const [url, query, variables, count] = process.argv.slice(2);
const client = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0, lazy: true });
let left = Number(count);
for await (const result of client.iterate({ query, variables: JSON.parse(variables) })) {
  console.log(JSON.stringify(result));
  if (--left === 0) break;
}
await client.dispose();
