// npm graphql-sse, distinct connections: a query, a refused query, then COUNT events of a subscription.
//   node sse.mjs URL QUERY REFUSED SUBSCRIPTION COUNT
import { createClient } from "graphql-sse";

const [url, query, refused, subscription, count] = process.argv.slice(2);
const client = createClient({ url, retryAttempts: 0 });
const say = (kind, result) => console.log(JSON.stringify({ kind, result }));
for (const [kind, document] of [["query", query], ["refused", refused]]) {
  for await (const result of client.iterate({ query: document })) say(kind, result);
}
let left = Number(count);
for await (const result of client.iterate({ query: subscription })) {
  say("event", result);
  if (--left === 0) break;
}
client.dispose();
