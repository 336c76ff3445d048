// Viewers of a list of rates by real libraries, as they reconnect by default, each with the cursor of its last event.
//   node viewers.mjs BASE_URL CHROMIUM SYMBOLS COUNTS        SYMBOLS and COUNTS as JSON: {"graphql-ws": 3, "EventSource": 3, …}
// Prints {"ready":true} when each has had an event. A line `count` on stdin begins the count anew, `report` prints it by library, and
// the end of stdin ends all.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { RetryLink } from "@apollo/client/link/retry";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { createClient as createSseClient } from "graphql-sse";
import { createClient as createWsClient } from "graphql-ws";
import { chromium } from "playwright-core";
import WebSocket from "ws";

const require = createRequire(import.meta.url);
const legacy = createRequire(require.resolve("subscriptions-transport-ws"));
const { SubscriptionClient } = legacy("subscriptions-transport-ws");
const LegacyWebSocket = legacy("ws");

// Apollo's link asks whether an error is one of a socket of this class.
globalThis.WebSocket ??= WebSocket;
const [base, executablePath, symbolsText, countsText] = process.argv.slice(2);
const symbols = JSON.parse(symbolsText);
const counts = JSON.parse(countsText);
const query = "subscription ($symbols: [Symbol!], $after: String) { rates(symbols: $symbols, after: $after) { kind recovered cursor items { price } } }";
const http = `${base}/graphql`;
const ws = http.replace("http", "ws");
// A browser opens six connections to one origin.
const SOURCES_PER_PAGE = 5;

class Viewer {
  constructor(library) {
    this.library = library;
    this.cursor = null;
    this.last = null;
    this.reset();
  }

  reset() {
    this.counting = Date.now();
    Object.assign(this, { events: 0, gaps: 0, unproved: 0, resumed: 0, longest: 0, given_up: null });
  }

  /** The variables, whose cursor is read anew each time they are sent. */
  variables() {
    const viewer = this;
    return { symbols, get after() { return viewer.cursor; } };
  }

  next(result) {
    const rates = result?.data?.rates;
    if (!rates) {
      this.end(JSON.stringify(result?.errors ?? result?.error?.message ?? result));
      return;
    }
    this.silence();
    this.last = Date.now();
    this.events += 1;
    this.cursor = rates.cursor;
    if (rates.kind === "GAP") this.gaps += 1;
    if (rates.kind === "SNAPSHOT" && rates.recovered !== null) {
      this.resumed += 1;
      if (!rates.recovered) this.unproved += 1;
    }
  }

  silence() {
    if (this.last !== null) this.longest = Math.max(this.longest, Date.now() - Math.max(this.last, this.counting));
  }

  end(reason) {
    this.given_up ??= String(reason);
  }

  report() {
    this.silence();
    const { library, events, gaps, unproved, resumed, longest, given_up } = this;
    return { library, events, gaps, unproved, resumed, longest_ms: longest, given_up };
  }
}

const sink = (viewer) => ({
  next: (result) => viewer.next(result),
  error: (error) => viewer.end(error?.message ?? `${error?.code} ${error?.reason}` ?? error),
  complete: () => viewer.end("complete"),
});
const apollo = (viewer, ...links) => new ApolloClient({ link: ApolloLink.from(links), cache: new InMemoryCache() })
  .subscribe({ query: gql(query), variables: { symbols }, fetchPolicy: "no-cache" }).subscribe(sink(viewer));
const withCursor = (viewer) => new ApolloLink((operation, forward) => {
  operation.variables = viewer.variables();
  return forward(operation);
});
const START = {
  "graphql-ws": (viewer) => createWsClient({ url: ws, webSocketImpl: WebSocket })
    .subscribe({ query, variables: viewer.variables() }, sink(viewer)),
  "subscriptions-transport-ws": (viewer) => new SubscriptionClient(ws, { reconnect: true }, LegacyWebSocket)
    .request({ query, variables: viewer.variables() }).subscribe(sink(viewer)),
  "graphql-sse": (viewer) => createSseClient({ url: http }).subscribe({ query, variables: viewer.variables() }, sink(viewer)),
  "graphql-sse, one connection": (viewer) => createSseClient({ url: http, singleConnection: true })
    .subscribe({ query, variables: viewer.variables() }, sink(viewer)),
  "Apollo, multipart": (viewer) => apollo(viewer, new RetryLink(), withCursor(viewer), new HttpLink({ uri: http })),
  "Apollo, WebSocket": (viewer) => apollo(viewer, withCursor(viewer),
    new GraphQLWsLink(createWsClient({ url: ws, webSocketImpl: WebSocket }))),
};

async function startEventSources(viewers) {
  const browser = await chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--disable-background-timer-throttling",
      "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows"],
  });
  const document = query.replace("($symbols: [Symbol!], $after: String) ", "").replace("$symbols", JSON.stringify(symbols)).replace(", after: $after", "");
  for (let first = 0; first < viewers.length; first += SOURCES_PER_PAGE) {
    // Each context has connections of its own.
    const page = await (await browser.newContext()).newPage();
    await page.exposeFunction("event", (index, result) => viewers[index].next(result));
    await page.exposeFunction("gaveUp", (index) => viewers[index].end("closed"));
    // An empty page of this origin, without a policy that forbids connections.
    await page.route(`${base}/empty`, (route) => route.fulfill({ contentType: "text/html", body: "" }));
    await page.goto(`${base}/empty`);
    const indexes = viewers.slice(first, first + SOURCES_PER_PAGE).map((_, index) => first + index);
    await page.evaluate(({ indexes, document }) => {
      for (const index of indexes) {
        const source = new EventSource(`/graphql?query=${encodeURIComponent(document)}`);
        source.addEventListener("next", ({ data }) => event(index, JSON.parse(data)));
        source.addEventListener("complete", () => { source.close(); gaveUp(index); });
        source.addEventListener("error", () => source.readyState === EventSource.CLOSED && gaveUp(index));
      }
    }, { indexes, document });
  }
  return browser;
}

const viewers = Object.entries(counts).flatMap(([library, count]) => Array.from({ length: count }, () => new Viewer(library)));
for (const viewer of viewers) START[viewer.library]?.(viewer);
const browser = await startEventSources(viewers.filter(({ library }) => library === "EventSource"));
const ready = setInterval(() => {
  const ended = viewers.find(({ given_up }) => given_up);
  if (ended) throw new Error(`${ended.library}: ${ended.given_up}`);
  if (viewers.some(({ last }) => last === null)) return;
  clearInterval(ready);
  console.log(JSON.stringify({ ready: true }));
}, 50);

for await (const line of createInterface({ input: process.stdin })) {
  if (line === "count") for (const viewer of viewers) viewer.reset();
  if (line === "report") console.log(JSON.stringify(viewers.map((viewer) => viewer.report())));
}
await browser.close();
process.exit(0);
