// The cache of @apollo/client: holds four queries, then subscribes. Prints what each query holds whenever that changes, and how many
// requests the queries took, until its input ends:  node apollo_cache.mjs URL
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { QUERIES, READ, SUBSCRIPTIONS, say } from "./cached_operations.mjs";

const [uri] = process.argv.slice(2);
let requests = 0;
const http = new HttpLink({
  uri,
  fetch: (...request) => {
    requests += 1;
    return fetch(...request);
  },
});
const socket = createClient({ url: uri.replace("http", "ws"), webSocketImpl: WebSocket, retryAttempts: 0 });
const client = new ApolloClient({
  link: ApolloLink.split(({ operationType }) => operationType === "subscription", new GraphQLWsLink(socket), http),
  cache: new InMemoryCache(),
});

await Promise.all(Object.entries(QUERIES).map(([name, text]) => new Promise((resolve, reject) => {
  client.watchQuery({ query: gql(text), notifyOnNetworkStatusChange: false }).subscribe(({ data, error }) => {
    if (error) reject(error);
    if (!data) return;
    say({ query: name, holds: READ[name](data) });
    resolve();
  });
})));
for (const [name, text] of Object.entries(SUBSCRIPTIONS)) {
  client.subscribe({ query: gql(text) }).subscribe(({ error }) => say({ event: name, requests, error: error?.message }));
}
process.stdin.on("end", () => process.exit(0)).resume();
