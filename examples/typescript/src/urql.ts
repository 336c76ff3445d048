// urql: a typed query over HTTP and a typed subscription over WebSocket:  npm run urql
import { Client, cacheExchange, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { socketUrl, url } from "./address.js";
import { graphql } from "./generated/gql.js";

const BULK = graphql(`
  query BulkRates($symbols: [Symbol!]!) {
    rates(symbols: $symbols, maxAgeMs: 10000, onStale: OMIT) {
      items { id symbol source { id code } price ageMs freshness }
      unavailable { symbol reason message }
    }
  }
`);
const LIVE = graphql(`
  subscription LiveRates($symbols: [Symbol!]!) {
    rates(symbols: $symbols, sampleIntervalMs: 250) {
      kind conflatedCount
      items { id symbol source { id code } price observedAt expiresAt }
    }
  }
`);

const socket = createClient({ url: socketUrl, webSocketImpl: WebSocket });
const client = new Client({
  url,
  preferGetMethod: true,
  exchanges: [
    cacheExchange,
    fetchExchange,
    subscriptionExchange({
      forwardSubscription: ({ query, variables }) => ({
        subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query: query ?? "", variables: variables ?? {} }, sink) }),
      }),
    }),
  ],
});
const symbols = ["BTC/USDT", "ETH/USDT"];

const { data, error } = await client.query(BULK, { symbols }).toPromise();
if (error || !data?.rates) throw error ?? new Error("no data");
for (const rate of data.rates.items) console.log(rate.symbol, rate.price, `${rate.ageMs} ms old`, rate.freshness);

let left = 5;
await new Promise<void>((resolve, reject) => {
  const running = client.subscription(LIVE, { symbols }).subscribe((result) => {
    if (result.error || !result.data?.rates) return reject(result.error);
    const { kind, items } = result.data.rates;
    console.log(kind, ...items.map((rate) => `${rate.id} ${rate.price}`));
    if (--left > 0) return;
    // urql may call this before `subscribe` has returned, when `running` is not assigned yet.
    setTimeout(() => {
      running.unsubscribe();
      resolve();
    });
  });
});
await socket.dispose();
