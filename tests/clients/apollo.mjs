// @apollo/client: a query over HTTP, then COUNT events of a subscription over multipart, then as many over graphql-ws; the last
// goes on until the server ends it.   node apollo.mjs URL QUERY SUBSCRIPTION COUNT
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const [uri, query, subscription, count] = process.argv.slice(2);
const say = (kind, result) => console.log(JSON.stringify({ kind, result }));
const types = [];
const http = new HttpLink({
  uri,
  fetch: async (...request) => {
    const response = await fetch(...request);
    types.push([new Headers(request[1].headers).get("accept"), response.status, response.headers.get("content-type")]);
    return response;
  },
});
const socket = createClient({ url: uri.replace("http", "ws"), webSocketImpl: WebSocket, retryAttempts: 0 });
const apollo = (link) => new ApolloClient({ link: ApolloLink.from([link]), cache: new InMemoryCache() });

const take = (client, kind) => new Promise((resolve, reject) => {
  let left = Number(count);
  const running = client.subscribe({ query: gql(subscription) }).subscribe({
    next: ({ data, error }) => {
      say(kind, { data, error: error?.message });
      if (--left === 0) { running.unsubscribe(); resolve(); }
    },
    error: reject,
    complete: resolve,
  });
});

const overHttp = apollo(http);
const { data } = await overHttp.query({ query: gql(query) });
say("query", { data });
await take(overHttp, "multipart");
await take(apollo(new GraphQLWsLink(socket)), "socket");
await socket.dispose();
say("refused", await new Promise((resolve) => {
  overHttp.subscribe({ query: gql`subscription { rate(symbol: "NO/SUCH") { price } }` }).subscribe({
    next: ({ data, error }) => resolve({ data, error: error?.message }),
    error: (error) => resolve({ error: error.message }),
  });
}));
say("types", types);
overHttp.subscribe({ query: gql(subscription) }).subscribe({
  next: ({ data, error }) => say("until the end", { data, error: error?.message }),
  error: (error) => { say("end", { error: error.message }); },
  complete: () => say("end", {}),
});
