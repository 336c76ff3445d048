// @urql/core: a query and COUNT events of a subscription through its own fetch, then as many through graphql-sse.
//   node urql.mjs URL QUERY SUBSCRIPTION COUNT
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-sse";

const [url, query, subscription, count] = process.argv.slice(2);
const say = (kind, result) => console.log(JSON.stringify({ kind, result }));
const types = [];
const noted = async (...request) => {
  const response = await fetch(...request);
  types.push([new Headers(request[1].headers).get("accept"), response.headers.get("content-type")]);
  return response;
};

const take = (client, kind) => new Promise((resolve) => {
  let left = Number(count);
  const running = client.subscription(subscription, {}).subscribe(({ data, error }) => {
    say(kind, { data, error: error?.message });
    if (--left === 0) setTimeout(() => { running.unsubscribe(); resolve(); });
  });
});

for (const preferGetMethod of [false, "force"]) {
  const client = new Client({ url, exchanges: [fetchExchange], fetch: noted, preferGetMethod, fetchSubscriptions: true });
  const { data, error } = await client.query(query, {}).toPromise();
  say("query", { data, error: error?.message });
  await take(client, "fetch");
}
const sse = createClient({ url, retryAttempts: 0 });
const forwarding = subscriptionExchange({
  forwardSubscription: (operation) => ({
    subscribe: (sink) => ({ unsubscribe: sse.subscribe({ query: operation.query, variables: operation.variables }, sink) }),
  }),
});
await take(new Client({ url, exchanges: [forwarding], preferGetMethod: false }), "sse");
sse.dispose();
say("types", types);
