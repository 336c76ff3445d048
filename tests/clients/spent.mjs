// Each library with a key whose budget is spent: prints a JSON line for each, with what the library makes of the refusal and, where
// it asked over HTTP, with status and header fields of the answer.
//   node spent.mjs URL KEY
import { createRequire } from "node:module";
import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient as createSse } from "graphql-sse";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { bearer, describe, first } from "./seen.mjs";

const require = createRequire(createRequire(import.meta.url).resolve("subscriptions-transport-ws"));
const { SubscriptionClient } = require("subscriptions-transport-ws");
const OldWebSocket = require("ws");

const [uri, key] = process.argv.slice(2);
const QUERY = "{ rates { items { price } } }";
const LIVE = "subscription { rates { kind items { price } } }";
const FIELDS = ["retry-after", "ratelimit", "ratelimit-policy", "content-type"];

let answer = null;
const noted = async (...request) => {
  const response = await fetch(...request);
  answer = { status: response.status, ...Object.fromEntries(FIELDS.map((name) => [name, response.headers.get(name)])) };
  return response;
};
const say = (client, seen) => {
  console.log(JSON.stringify({ client, seen, answer }));
  answer = null;
};

const apollo = new ApolloClient({ link: new HttpLink({ uri, headers: bearer(key), fetch: noted }), cache: new InMemoryCache() });
say("apollo", await apollo.query({ query: gql(QUERY) }).catch(describe));
say("apollo multipart", await first((sink) => apollo.subscribe({ query: gql(LIVE) }).subscribe(sink)));

// Browsers have it; Apollo looks for it when an operation fails.
globalThis.WebSocket ??= WebSocket;
// All operations go over one socket, which stays open.
const socket = createClient({
  url: uri.replace("http", "ws"),
  webSocketImpl: WebSocket,
  retryAttempts: 0,
  connectionParams: bearer(key),
  lazy: false,
});
let sockets = 0;
socket.on("opened", () => {
  sockets += 1;
});
const overSocket = new ApolloClient({ link: new GraphQLWsLink(socket), cache: new InMemoryCache() });
say("apollo graphql-ws", await first((sink) => overSocket.subscribe({ query: gql(LIVE) }).subscribe(sink)));
say("graphql-ws", await first((sink) => ({ unsubscribe: socket.subscribe({ query: LIVE }, sink) })));
const forwarding = subscriptionExchange({
  forwardSubscription: ({ query = "", variables }) => ({ subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }) }),
});
const urqlSocket = new Client({ url: uri, exchanges: [forwarding], preferGetMethod: false });
say("urql graphql-ws", await first((sink) => urqlSocket.subscription(LIVE, {}).subscribe(sink.next)));
await socket.dispose();

const urql = new Client({
  url: uri,
  exchanges: [fetchExchange],
  fetch: noted,
  fetchSubscriptions: true,
  preferGetMethod: false,
  fetchOptions: () => ({ headers: { "x-api-key": key } }),
});
say("urql", describe((await urql.query(QUERY, {}).toPromise()).error));
say("urql events", await first((sink) => urql.subscription(LIVE, {}).subscribe(sink.next)));

for (const singleConnection of [false, true]) {
  const events = createSse({ url: uri, retryAttempts: 0, headers: () => bearer(key), fetchFn: noted, singleConnection });
  say(singleConnection ? "graphql-sse single" : "graphql-sse", await first((sink) => ({ unsubscribe: events.subscribe({ query: LIVE }, sink) })));
  events.dispose();
}

const old = new SubscriptionClient(uri.replace("http", "ws"), { reconnect: false, connectionParams: bearer(key) }, OldWebSocket);
say("subscriptions-transport-ws", await first((sink) => old.request({ query: LIVE }).subscribe(sink)));
old.close();
say("sockets", { sockets });
