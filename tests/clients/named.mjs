// Documents by their identifiers, over all transports that the libraries have, with a key.
//   node named.mjs                 prints the documents as the libraries write them, a JSON list
//   node named.mjs URL KEY ids     prints a JSON line for each library that sends identifiers alone
//   node named.mjs URL KEY texts   the same for those that send the document beside them
// Each line has what came, and whether a text was sent.
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { Client, createRequest, fetchExchange, stringifyDocument, subscriptionExchange } from "@urql/core";
import { persistedExchange } from "@urql/exchange-persisted";
import { print } from "graphql";
import { createClient as createSse } from "graphql-sse";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { bearer, first } from "./seen.mjs";

const require = createRequire(createRequire(import.meta.url).resolve("subscriptions-transport-ws"));
const { SubscriptionClient } = require("subscriptions-transport-ws");
const OldWebSocket = require("ws");

const LIVE = "subscription { rates { kind items { price } } }";
const cache = new InMemoryCache();
// Apollo adds `__typename`, urql names of its own.
const TEXTS = [LIVE, print(cache.transformDocument(gql(LIVE))), stringifyDocument(createRequest(LIVE, {}).query)];
const sha256 = (text) => createHash("sha256").update(text).digest("hex");
const hash = sha256(LIVE);
const extensions = { persistedQuery: { version: 1, sha256Hash: hash } };

const [uri, key, mode] = process.argv.slice(2);
if (uri === undefined) {
  console.log(JSON.stringify(TEXTS));
  process.exit();
}

let hasText = false;
const note = (text) => {
  hasText ||= Boolean(JSON.parse(text).query ?? JSON.parse(text).payload?.query);
};
const noted = (address, options) => {
  if (options.body) note(options.body);
  return fetch(address, options);
};
class NotedWebSocket extends WebSocket {
  send(text, ...rest) {
    note(text);
    return super.send(text, ...rest);
  }
}
const say = (client, seen) => {
  console.log(JSON.stringify({ client, seen, hasText }));
  hasText = false;
};

const persisted = new PersistedQueryLink({ sha256 });
const socket = createClient({ url: uri.replace("http", "ws"), webSocketImpl: NotedWebSocket, retryAttempts: 0, connectionParams: bearer(key) });

async function sendIds() {
  const link = ApolloLink.from([persisted, new HttpLink({ uri, headers: bearer(key), fetch: noted })]);
  const apollo = new ApolloClient({ link, cache });
  say("apollo multipart", await first((sink) => apollo.subscribe({ query: gql(LIVE) }).subscribe(sink)));

  // graphql-ws and graphql-sse demand a text, and send what stands beside it.
  const named = { documentId: { query: "", documentId: `sha256:${hash}` }, hash: { query: "", extensions } };
  for (const [form, request] of Object.entries(named)) {
    say(`graphql-ws ${form}`, await first((sink) => ({ unsubscribe: socket.subscribe(request, sink) })));
    for (const singleConnection of [false, true]) {
      const events = createSse({ url: uri, retryAttempts: 0, headers: () => bearer(key), fetchFn: noted, singleConnection });
      const name = singleConnection ? "graphql-sse single" : "graphql-sse";
      say(`${name} ${form}`, await first((sink) => ({ unsubscribe: events.subscribe(request, sink) })));
      events.dispose();
    }
  }

  const exchange = persistedExchange({ preferGetForPersistedQueries: false, enableForSubscriptions: true });
  const options = { url: uri, preferGetMethod: false, fetch: noted, fetchOptions: () => ({ headers: bearer(key) }) };
  const events = new Client({ ...options, exchanges: [exchange, fetchExchange], fetchSubscriptions: true });
  say("urql events", await first((sink) => events.subscription(LIVE, {}).subscribe(sink.next)));
  const forwarding = subscriptionExchange({
    forwardSubscription: ({ query = "", ...rest }) => ({ subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, ...rest }, sink) }) }),
  });
  const overSocket = new Client({ ...options, exchanges: [exchange, forwarding] });
  say("urql graphql-ws", await first((sink) => overSocket.subscription(LIVE, {}).subscribe(sink.next)));
}

async function sendTexts() {
  const apollo = new ApolloClient({ link: ApolloLink.from([persisted, new GraphQLWsLink(socket)]), cache });
  say("apollo graphql-ws", await first((sink) => apollo.subscribe({ query: gql(LIVE) }).subscribe(sink)));
  class NotedOldWebSocket extends OldWebSocket {
    send(text, ...rest) {
      note(text);
      return super.send(text, ...rest);
    }
  }
  const old = new SubscriptionClient(uri.replace("http", "ws"), { reconnect: false, connectionParams: bearer(key) }, NotedOldWebSocket);
  for (const beside of [{ documentId: `sha256:${hash}` }, { extensions }])
    say(`subscriptions-transport-ws ${Object.keys(beside)}`, await first((sink) => old.request({ query: LIVE, ...beside }).subscribe(sink)));
  old.close();
}

await (mode === "ids" ? sendIds() : sendTexts());
await socket.dispose();
