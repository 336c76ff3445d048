// Each library with a key that counts and with one that does not: prints a JSON line for each, with what the library makes of it.
//   node keyed.mjs URL KEY WRONG
import { createRequire } from "node:module";
import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { Client, fetchExchange } from "@urql/core";
import { createClient as createSse } from "graphql-sse";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { bearer, describe, first } from "./seen.mjs";

const require = createRequire(createRequire(import.meta.url).resolve("subscriptions-transport-ws"));
const { SubscriptionClient } = require("subscriptions-transport-ws");
const OldWebSocket = require("ws");

const [uri, key, wrong] = process.argv.slice(2);
const QUERY = "{ rates { items { price } } }";
const LIVE = "subscription { rates { kind items { price } } }";
const say = (client, counts, said) => console.log(JSON.stringify({ client, counts, ...said }));

for (const [counts, text] of [[true, key], [false, wrong]]) {
  const http = new ApolloClient({ link: new HttpLink({ uri, headers: bearer(text) }), cache: new InMemoryCache() });
  try {
    const { data } = await http.query({ query: gql(QUERY) });
    say("apollo", counts, { price: data.rates.items[0].price });
  } catch (error) {
    say("apollo", counts, describe(error));
  }
  say("apollo multipart", counts, await first((sink) => http.subscribe({ query: gql(LIVE) }).subscribe(sink)));

  const socket = createClient({
    url: uri.replace("http", "ws"),
    webSocketImpl: WebSocket,
    retryAttempts: 3,
    connectionParams: async () => ({ Authorization: `Bearer ${text}` }),
  });
  const live = new ApolloClient({ link: new GraphQLWsLink(socket), cache: new InMemoryCache() });
  say("apollo graphql-ws", counts, await first((sink) => live.subscribe({ query: gql(LIVE) }).subscribe(sink)));
  say("graphql-ws", counts, await first((sink) => ({ unsubscribe: socket.subscribe({ query: LIVE }, sink) })));
  await socket.dispose();

  const urql = new Client({
    url: uri,
    exchanges: [fetchExchange],
    fetchSubscriptions: true,
    preferGetMethod: false,
    fetchOptions: () => ({ headers: { "x-api-key": text } }),
  });
  const { data, error } = await urql.query(QUERY, {}).toPromise();
  say("urql", counts, error ? describe(error) : { price: data.rates.items[0].price });
  say("urql events", counts, await first((sink) => urql.subscription(LIVE, {}).subscribe(sink.next)));

  const events = createSse({ url: uri, retryAttempts: 0, headers: () => bearer(text) });
  say("graphql-sse", counts, await first((sink) => ({ unsubscribe: events.subscribe({ query: LIVE }, sink) })));
  events.dispose();

  const old = new SubscriptionClient(
    uri.replace("http", "ws"),
    {
      reconnect: false,
      connectionParams: { Authorization: `Bearer ${text}` },
      connectionCallback: (error) => error && say("subscriptions-transport-ws", counts, { code: error.extensions?.code }),
    },
    OldWebSocket,
  );
  if (counts) {
    say("subscriptions-transport-ws", counts, await first((sink) => old.request({ query: LIVE }).subscribe(sink)));
    old.close();
  } else {
    await new Promise((resolve) => old.onDisconnected(resolve));
    old.close();
  }
}
