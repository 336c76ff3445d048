// A browser that a test drives line by line: commands as JSON on stdin, answers as JSON on stdout.
//   node browser.mjs BASE_URL CHROMIUM
// Chromium runs headless, cut off from every origin but BASE_URL; what it tried to reach elsewhere is kept, and so is
// every error on its console.
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [base, executablePath] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--js-flags=--expose-gc"],
});
const AXE = await readFile(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const complaints = [];
const foreign = [];
let page = null;

async function open({ path, ...options }) {
  await page?.context().close();
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  await context.route("**/*", (route) => {
    const url = new URL(route.request().url());
    if (url.origin === base || url.protocol === "data:" || url.protocol === "blob:") return route.continue();
    foreign.push(url.href);
    return route.abort();
  });
  page = await context.newPage();
  page.on("websocket", (socket) => new URL(socket.url()).host === new URL(base).host || foreign.push(socket.url()));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(base + path);
}

/** The script's first truthy value. Not Playwright's waitForFunction, which the page's policy stops: it evaluates text in the page. */
async function until({ script, timeout }) {
  const deadline = Date.now() + timeout;
  let value = null;
  while (Date.now() < deadline) {
    // A reload takes the page away under the question; the next one asks the new page.
    value = await page.evaluate(script).catch((error) => ({ failed: error.message }));
    if (value && !value.failed) return value;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`not within ${timeout} ms; last value: ${JSON.stringify(value)}; page: ${(await page.innerText("body")).slice(0, 300)}`);
}

const COMMANDS = {
  open,
  reload: () => page.reload(),
  evaluate: ({ script }) => page.evaluate(script),
  until,
  click: ({ selector }) => page.locator(selector).first().click(),
  press: ({ key }) => page.keyboard.press(key),
  type: ({ text }) => page.keyboard.type(text),
  screenshot: ({ path }) => page.screenshot({ path }),
  // Runs past the page's own policy, as a browser extension does.
  axe: async () => {
    const session = await page.context().newCDPSession(page);
    await session.send("Runtime.evaluate", { expression: AXE });
    return page.evaluate(async () => (await window.axe.run()).violations
      .map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`) })));
  },
  // Seconds that the main thread has worked, and bytes that are alive on its heap after a collection.
  cost: async () => {
    const session = await page.context().newCDPSession(page);
    await session.send("HeapProfiler.collectGarbage");
    await session.send("Performance.enable");
    const { metrics } = await session.send("Performance.getMetrics");
    const named = Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
    await session.detach();
    return { at: named.Timestamp, busy: named.TaskDuration, script: named.ScriptDuration, heap: named.JSHeapUsedSize, nodes: named.Nodes };
  },
  seen: () => ({ complaints, foreign }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...options } = JSON.parse(line);
  let answer;
  try {
    answer = { value: (await COMMANDS[command](options)) ?? null };
  } catch (error) {
    answer = { error: `${command} ${JSON.stringify(options)}: ${error.message}; console: ${complaints.slice(-5).join(" | ")}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
