// A browser's EventSource with a key: it cannot send one, so the page reserves a stream with it, and opens that by its token. Operations
// by documents and by identifiers; prints each event as a JSON line, until COUNT results have come.
//   node eventsource_keyed.mjs BASE_URL CHROMIUM KEY COUNT BODY...     each BODY a request in JSON, without its operationId
import { chromium } from "playwright-core";

const [base, executablePath, key, count, ...bodies] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
const page = await browser.newPage();
let left = Number(count);
let end;
const ended = new Promise((resolve) => {
  end = resolve;
});
await page.exposeFunction("say", (event) => {
  console.log(JSON.stringify(event));
  if (event.type === "next" && --left === 0) end();
});
await page.goto(base);
await page.evaluate(async ([text, requests]) => {
  const headers = { authorization: `Bearer ${text}` };
  const reserved = await fetch("/graphql", { method: "PUT", headers });
  await say({ type: "reserved", status: reserved.status });
  if (!reserved.ok) return;
  const token = await reserved.text();
  const source = new EventSource(`/graphql?token=${encodeURIComponent(token)}`);
  source.addEventListener("error", () => say({ type: "error", state: source.readyState }));
  source.addEventListener("next", ({ data }) => say({ type: "next", ...JSON.parse(data) }));
  await new Promise((resolve) => source.addEventListener("open", resolve));
  for (const [number, request] of requests.entries()) {
    const body = JSON.stringify({ ...JSON.parse(request), extensions: { ...JSON.parse(request).extensions, operationId: String(number) } });
    const answer = await fetch("/graphql", {
      method: "POST",
      headers: { ...headers, "content-type": "application/json", "x-graphql-event-stream-token": token },
      body,
    });
    say({ type: "accepted", status: answer.status });
  }
}, [key, bodies]);
await ended;
await browser.close();
