// Apollo Client: a typed query over HTTP and a typed subscription over WebSocket, with one normalised cache:  npm run apollo
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { OperationTypeNode } from "graphql";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { socketUrl, url } from "./address.js";
import { graphql } from "./generated/gql.js";

const ONE = graphql(`
  query OneRate($symbol: Symbol!) {
    rate(symbol: $symbol) { id price source { id code } ageMs freshness }
  }
`);
const MOVES = graphql(`
  subscription OneRateMoves($symbol: Symbol!) {
    rate(symbol: $symbol, sampleIntervalMs: 250) { id price source { id code } observedAt }
  }
`);

const socket = createClient({ url: socketUrl, webSocketImpl: WebSocket });
const client = new ApolloClient({
  // The `id` of a rate is stable, so updates of a subscription change the entries that queries have added to the cache.
  cache: new InMemoryCache(),
  link: ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(socket),
    new HttpLink({ uri: url }),
  ),
});
const variables = { symbol: "BTC/USDT" };

const { data } = await client.query({ query: ONE, variables });
if (!data?.rate) throw new Error("no rate");
console.log(data.rate.source.code, data.rate.price, `${data.rate.ageMs} ms old`, data.rate.freshness);

let left = 5;
await new Promise<void>((resolve, reject) => {
  const running = client.subscribe({ query: MOVES, variables }).subscribe({
    next: (result) => {
      if (result.error || !result.data?.rate) return reject(result.error);
      const cached = client.readQuery({ query: ONE, variables });
      console.log(result.data.rate.source.code, result.data.rate.price, `in the cache: ${cached?.rate?.price}`);
      if (--left > 0) return;
      running.unsubscribe();
      resolve();
    },
    error: reject,
  });
});
client.stop();
await socket.dispose();
