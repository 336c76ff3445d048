// npm subscriptions-transport-ws with the ws that it brings: a query, two requests that fail, a subscription until an item has the
// price STOP. Prints one JSON line a result:  node subscriptions_transport_ws.mjs URL STOP
import { createRequire } from "node:module";

const require = createRequire(createRequire(import.meta.url).resolve("subscriptions-transport-ws"));
const { SubscriptionClient } = require("subscriptions-transport-ws");
const WebSocket = require("ws");

const [url, stop] = process.argv.slice(2);
const client = new SubscriptionClient(url, { reconnect: false }, WebSocket);
const print = (kind, value) => console.log(JSON.stringify({ kind, value }));
const run = (query, { until = () => false } = {}) => new Promise((resolve) => {
  const subscription = client.request({ query }).subscribe({
    next: (result) => {
      print("next", result);
      if (until(result)) { subscription.unsubscribe(); resolve(); }
    },
    error: (error) => { print("error", { message: error.message }); resolve(); },
    complete: () => { print("complete", null); resolve(); },
  });
});

await run("{ __typename }");
await run("{");
await run('subscription { rate(symbol: "NO/SUCH") { price } }');
await run("subscription { rates { kind items { price } } }", {
  until: (result) => result.data.rates.items.some((item) => item.price === stop),
});
await run("{ __typename }");
client.close();
