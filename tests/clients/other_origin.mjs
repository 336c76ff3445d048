// A page of another origin in a browser: what it can do with the gateway. Prints one JSON line a way of calling it.
//   node other_origin.mjs GATEWAY_URL CHROMIUM QUERY SUBSCRIPTION
import { createServer } from "node:http";
import { chromium } from "playwright-core";

const [base, executablePath, query, subscription] = process.argv.slice(2);
const server = createServer((_request, response) => response.setHeader("content-type", "text/html").end("<title>page</title>"));
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
const page = await browser.newPage();
const origin = `http://127.0.0.1:${server.address().port}`;
await page.goto(origin);
console.log(JSON.stringify({ origin }));
const call = async (name, run) => console.log(JSON.stringify({ name, result: await page.evaluate(run, { base, query, subscription }) }));

await call("fetch", async ({ base, query }) => {
  const headers = {
    "content-type": "application/json", authorization: "Basic dXNlcjp3b3Jk", "apollographql-client-name": "page",
    "apollographql-client-version": "1", "x-apollo-operation-name": "A", "apollo-require-preflight": "true",
    traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", baggage: "a=b", "sentry-trace": "c",
    "x-requested-with": "page",
  };
  try {
    const posted = await fetch(`${base}/graphql`, { method: "POST", headers, body: JSON.stringify({ query }) });
    const first = await fetch(`${base}/graphql?query=${encodeURIComponent(query)}`, { cache: "no-store" });
    const etag = first.headers.get("etag");
    const again = await fetch(`${base}/graphql?query=${encodeURIComponent(query)}`, {
      headers: { "if-none-match": etag }, cache: "no-store",
    });
    return { posted: await posted.json(), etag, date: first.headers.get("date"), again: again.status };
  } catch (error) {
    return { error: error.name };
  }
});
await call("EventSource", ({ base, subscription }) => new Promise((resolve) => {
  const source = new EventSource(`${base}/graphql?query=${encodeURIComponent(subscription)}`);
  source.addEventListener("next", ({ data }) => { source.close(); resolve({ data: JSON.parse(data) }); });
  source.addEventListener("error", () => { source.close(); resolve({ error: "closed" }); });
}));
await call("WebSocket", ({ base }) => new Promise((resolve) => {
  const socket = new WebSocket(`${base.replace("http", "ws")}/graphql`, "graphql-transport-ws");
  socket.onopen = () => { socket.close(); resolve({ opened: true }); };
  socket.onerror = () => resolve({ error: "refused" });
}));
await browser.close();
server.close();
