// npm graphql-sse with one connection: a query, a refused query, then two subscriptions of which the first ends after COUNT events
// and the second goes on until its price is STOP. Prints each result, and in the end the requests that it sent.
//   node single.mjs URL QUERY REFUSED SUBSCRIPTION COUNT STOP
import { createClient } from "graphql-sse";

const [url, query, refused, subscription, count, stop] = process.argv.slice(2);
const requests = [];
const noted = async (...request) => {
  const response = await fetch(...request);
  requests.push([request[1].method, response.status]);
  return response;
};
const client = createClient({ url, singleConnection: true, lazyCloseTimeout: 2_000, retryAttempts: 0, fetchFn: noted });
const say = (kind, result) => console.log(JSON.stringify({ kind, result }));
for (const [kind, document] of [["query", query], ["refused", refused]]) {
  for await (const result of client.iterate({ query: document })) say(kind, result);
}
const second = (async () => {
  for await (const result of client.iterate({ query: subscription })) {
    say("second", result);
    if (result.data.rates.items.some(({ price }) => price === stop)) break;
  }
})();
let left = Number(count);
for await (const result of client.iterate({ query: subscription })) {
  say("first", result);
  if (--left === 0) break;
}
await second;
// The client sends DELETE after a stop, and waits for nothing.
while (requests.filter(([method]) => method === "DELETE").length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
client.dispose();
say("requests", requests);
