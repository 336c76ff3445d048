// One subscription in each library that reconnects by itself, as people configure it. Prints a JSON line for every price and every
// end that the library takes for final, until its input ends:  node moved.mjs HTTP_URL DOCUMENT CHROMIUM
import { createRequire } from "node:module";
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { RetryLink } from "@apollo/client/link/retry";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { createClient as createSseClient } from "graphql-sse";
import { createClient } from "graphql-ws";
import { chromium } from "playwright-core";
import WebSocket from "ws";

const require = createRequire(createRequire(import.meta.url).resolve("subscriptions-transport-ws"));
const { SubscriptionClient } = require("subscriptions-transport-ws");
const LegacyWebSocket = require("ws");

const [base, query, executablePath] = process.argv.slice(2);
const url = `${base}/graphql`;
const socketUrl = url.replace("http", "ws");
const say = (client, fields) => console.log(JSON.stringify({ client, ...fields }));
const sink = (client) => ({
  next: ({ data, error, errors }) => {
    const price = data?.rates?.items?.[0]?.price;
    if (price) say(client, { price });
    else if (error || errors) say(client, { end: String(error?.message ?? errors[0].message) });
  },
  error: (error) => say(client, { end: String(error?.message ?? error?.code ?? error) }),
  complete: () => say(client, { end: "complete" }),
});

createClient({ url: socketUrl, webSocketImpl: WebSocket, retryAttempts: Infinity }).subscribe({ query }, sink("graphql-ws"));
new SubscriptionClient(socketUrl, { reconnect: true }, LegacyWebSocket).request({ query }).subscribe(sink("subscriptions-transport-ws"));
createSseClient({ url, retryAttempts: Infinity }).subscribe({ query }, sink("graphql-sse"));
const apollo = (link) => new ApolloClient({ link, cache: new InMemoryCache() });
apollo(new GraphQLWsLink(createClient({ url: socketUrl, webSocketImpl: WebSocket, retryAttempts: Infinity })))
  .subscribe({ query: gql(query) }).subscribe(sink("apollo"));
apollo(ApolloLink.from([new RetryLink({ attempts: { max: Infinity } }), new HttpLink({ uri: url })]))
  .subscribe({ query: gql(query) }).subscribe(sink("apollo multipart"));

const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
const page = await browser.newPage();
const inBrowser = sink("EventSource");
await page.exposeFunction("next", (text) => inBrowser.next(JSON.parse(text)));
await page.exposeFunction("closed", () => inBrowser.error("closed"));
await page.goto(base);
await page.evaluate((document) => {
  const source = new EventSource(`/graphql?query=${encodeURIComponent(document)}`);
  source.addEventListener("next", ({ data }) => next(data));
  source.addEventListener("error", () => source.readyState === EventSource.CLOSED && closed());
}, query);
process.stdin.on("end", () => process.exit(0)).resume();
