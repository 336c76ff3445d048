// A browser's EventSource that is opened when a line comes in: prints every event of it as a JSON line, and each wrong turn.
//   node eventsource_comes_back.mjs BASE_URL CHROMIUM PATH
// BASE_URL must answer the page; what PATH answers may fail for as long as the test wants.
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [base, executablePath, path] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
const page = await browser.newPage();
await page.exposeFunction("say", (event) => {
  console.log(JSON.stringify(event));
  if (event.type === "message") browser.close();
});
await page.goto(base);
console.log(JSON.stringify({ type: "loaded" }));
for await (const _line of createInterface({ input: process.stdin })) {
  await page.evaluate((address) => {
    const source = new EventSource(address);
    source.addEventListener("open", () => say({ type: "open" }));
    source.addEventListener("error", () => say({ type: "error", state: source.readyState }));
    source.addEventListener("message", ({ data }) => { source.close(); say({ type: "message", data }); });
  }, path);
  break;
}
