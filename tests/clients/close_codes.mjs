// What each library does after a close: a server of both subprotocols ends the first connection of a client with a code once it
// subscribes, or refuses its first handshake with a status, and gives the second connection a result. Prints one JSON line for each
// library and code: whether the library came back.    node close_codes.mjs CODES      CODES as JSON, below 1000 statuses
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { ApolloClient, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { Client, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-ws";
import WebSocket, { WebSocketServer } from "ws";

const require = createRequire(createRequire(import.meta.url).resolve("subscriptions-transport-ws"));
const { SubscriptionClient } = require("subscriptions-transport-ws");
const LegacyWebSocket = require("ws");
// Apollo's link asks whether an error is one of a socket of this class.
globalThis.WebSocket ??= WebSocket;

const codes = JSON.parse(process.argv[2]);
const query = "subscription { price }";
const seen = new Map();
const sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered][0] });
const server = createServer().on("upgrade", (request, socket, head) => {
  const [, library, text] = request.url.split("/");
  const code = Number(text);
  const times = (seen.get(`${library}/${code}`) ?? 0) + 1;
  seen.set(`${library}/${code}`, times);
  if (times === 1 && code < 1000) {
    socket.end(`HTTP/1.1 ${code} Refused\r\ncontent-length: 0\r\nretry-after: 1\r\nconnection: close\r\n\r\n`);
    return;
  }
  sockets.handleUpgrade(request, socket, head, (client) => client.on("message", (data) => {
    const message = JSON.parse(data);
    const send = (answer) => client.send(JSON.stringify(answer));
    if (message.type === "connection_init") send({ type: "connection_ack" });
    if (message.type !== "subscribe" && message.type !== "start") return;
    if (times === 1 && code === 1006) client.terminate();
    else if (times === 1) client.close(code, "a reason");
    else send({ type: message.type === "start" ? "data" : "next", id: message.id, payload: { data: { price: "1" } } });
  }));
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const address = (library, code) => `ws://127.0.0.1:${server.address().port}/${library}/${code}`;
const ws = (library, code) => createClient({ url: address(library, code), webSocketImpl: WebSocket });

const sink = (resolve) => ({
  next: ({ data, error, errors }) => resolve(Boolean(data?.price) && !error && !errors),
  error: () => resolve(false),
  complete: () => resolve(false),
});
const START = {
  "graphql-ws": (code, observer) => ws("graphql-ws", code).subscribe({ query }, observer),
  Apollo: (code, observer) => new ApolloClient({ link: new GraphQLWsLink(ws("Apollo", code)), cache: new InMemoryCache() })
    .subscribe({ query: gql(query) }).subscribe(observer),
  urql: (code, observer) => {
    const socket = ws("urql", code);
    const forward = subscriptionExchange({
      forwardSubscription: (request) => ({ subscribe: (to) => ({ unsubscribe: socket.subscribe(request, to) }) }),
    });
    return new Client({ url: "http://127.0.0.1/", exchanges: [forward], preferGetMethod: false })
      .subscription(query, {}).subscribe(observer.next);
  },
  "subscriptions-transport-ws": (code, observer) =>
    new SubscriptionClient(address("subscriptions-transport-ws", code), { reconnect: true }, LegacyWebSocket)
      .request({ query }).subscribe(observer),
};
await Promise.all(Object.entries(START).flatMap(([library, start]) => codes.map(async (code) => {
  const returned = await new Promise((resolve) => start(code, sink(resolve)));
  console.log(JSON.stringify({ library, code, returned }));
})));
process.exit(0);
