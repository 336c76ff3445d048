// A browser's EventSource on a page of ours: prints every event as a JSON line, until COUNT results have come.
//   node eventsource.mjs BASE_URL CHROMIUM SUBSCRIPTION COUNT
import { chromium } from "playwright-core";

const [base, executablePath, query, count] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
const page = await browser.newPage();
let left = Number(count);
await page.exposeFunction("say", (event) => {
  console.log(JSON.stringify(event));
  if (event.type === "next" && --left === 0) browser.close();
});
await page.goto(base);
await page.evaluate((document) => {
  const source = new EventSource(`/graphql?query=${encodeURIComponent(document)}`);
  source.addEventListener("open", () => say({ type: "open" }));
  source.addEventListener("error", () => say({ type: "error", state: source.readyState }));
  source.addEventListener("next", ({ data, lastEventId }) => say({ type: "next", id: lastEventId, data: JSON.parse(data) }));
  source.addEventListener("complete", () => { say({ type: "complete" }); source.close(); });
}, query);
