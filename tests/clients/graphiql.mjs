// Opens the front page and GraphiQL in Chromium, runs a query and a subscription, prints what was seen as JSON.
//   node graphiql.mjs BASE_URL CHROMIUM SCREENSHOT_FOLDER
import { chromium } from "playwright-core";

const [base, executablePath, folder] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
const complaints = [];
const foreign = [];
await context.route("**/*", (route) => {
  const url = new URL(route.request().url());
  if (url.origin === base || url.protocol === "data:" || url.protocol === "blob:") return route.continue();
  foreign.push(url.href);
  return route.abort();
});
const open = async (path) => {
  const page = await context.newPage();
  // A 400 is the answer to a run that came too early (see runUntil), reported by the browser, not by the page.
  page.on("console", (message) => message.type() === "error" && !message.text().includes("status of 400")
    && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(base + path);
  return page;
};

process.on("uncaughtException", async (error) => {
  console.error(error, complaints);
  for (const [number, page] of context.pages().entries()) await page.screenshot({ path: `${folder}/failed-${number}.png` });
  process.exit(1);
});

const front = await open("/");
// The banner comes with the health of the sources, the table with the first rates.
await front.waitForSelector("#simulated", { state: "visible", timeout: 20000 });
await front.waitForFunction(() => document.body.innerText.includes("SOL/USDT"), null, { timeout: 20000 });
const frontText = await front.innerText("body");
const changed = await front.waitForFunction(
  (before) => document.body.innerText !== before && document.body.innerText.includes("BTC/USDT"), frontText, { timeout: 20000 },
);
await front.screenshot({ path: `${folder}/front.png` });

const page = await open("/graphql");
await page.waitForSelector(".graphiql-query-editor .view-line", { timeout: 30000 });
const response = () => page.evaluate(() =>
  window.__MONACO?.editor.getModels().find((model) => model.uri.path.endsWith("response.json"))?.getValue() ?? "");
const run = () => page.locator(".graphiql-execute-button").click();
const tab = async (name) => {
  await page.locator(".graphiql-tab-button", { hasText: name }).click();
  await page.waitForFunction((operation) => window.__MONACO?.editor.getModels()
    .some((model) => model.uri.path.endsWith("operation.graphql") && model.getValue().includes(` ${operation} `)), name);
};

// GraphiQL learns a tab's operation name a moment after showing the tab: run until the answer is this tab's.
const runUntil = async (text) => {
  for (let attempt = 0; attempt < 10; attempt++) {
    await run();
    const found = await page.waitForFunction((wanted) => window.__MONACO?.editor.getModels()
      .some((model) => model.uri.path.endsWith("response.json") && model.getValue().includes(wanted)), text, { timeout: 2000 })
      .catch(() => null);
    if (found) return;
  }
  throw new Error(`no ${text} in the response: ${await response()}`);
};

await tab("OneRate");
await runUntil('"price"');
const query = JSON.parse(await response());

await tab("LiveRates");
await runUntil('"kind"');
const events = new Set();
const deadline = Date.now() + 30000;
while (events.size < 4 && Date.now() < deadline) {
  const before = await response();
  if (before.includes('"kind"')) events.add(before);
  await page.waitForFunction((seen) => window.__MONACO.editor.getModels()
    .find((model) => model.uri.path.endsWith("response.json"))?.getValue() !== seen, before, { timeout: 15000 });
}
await page.screenshot({ path: `${folder}/graphiql.png` });
await run();
console.log(JSON.stringify({ frontText, changed: Boolean(changed), query, events: [...events].map((text) => JSON.parse(text)), complaints, foreign }));
await browser.close();
