// A browser that a test drives line by line: commands as JSON on stdin, answers as JSON on stdout.
//   node browser.mjs BASE_URL CHROMIUM [ALLOWED_URL]
// Chromium runs headless and finds no host but this machine. What it tried to reach elsewhere than at these origins is kept,
// and so is every error on its console.
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [base, executablePath, allowed] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"],
});
const AXE = await readFile(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const complaints = [];
const foreign = [];
let page = null;
let devtools = null;
// Requests whose body has this text are aborted, or never answered.
let blocked = null;
let held = null;
// Characters of the WebSocket messages that the page has received.
let received = 0;

async function open({ path, block = null, hold = null, ...options }) {
  blocked = block;
  held = hold;
  await page?.context().close();
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  // To route each request through this process takes much of the time of a page, so only what a test blocks is.
  if (blocked !== null || held !== null) {
    await context.route("**/*", (route) => {
      if (blocked !== null && route.request().postData()?.includes(blocked)) return route.abort();
      if (held !== null && route.request().postData()?.includes(held)) return undefined;
      return route.continue();
    });
  }
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (url.origin !== base && url.origin !== allowed && url.protocol !== "data:" && url.protocol !== "blob:") foreign.push(url.href);
  });
  page = await context.newPage();
  page.on("websocket", (socket) => [base, allowed].some((each) => each !== undefined && new URL(socket.url()).host === new URL(each).host) || foreign.push(socket.url()));
  page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => { received += payload.length; }));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  devtools = await context.newCDPSession(page);
  await devtools.send("Performance.enable");
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
  const fetched = await page.evaluate("[Math.round(performance.now()), document.visibilityState, ...performance.getEntriesByType('resource').slice(-12).map(({ name, responseEnd, responseStatus }) => [name.slice(-40), Math.round(responseEnd), responseStatus])].join(' ')");
  throw new Error(`not within ${timeout} ms; last value: ${JSON.stringify(value)}; page: ${(await page.innerText("body")).slice(0, 300)}; ms, visibility, last requests: ${fetched}`);
}

/** The script's first truthy value in the frame of a path. */
async function inFrame({ path, script, timeout }) {
  const deadline = Date.now() + timeout;
  while (Date.now() < deadline) {
    const frame = page.frames().find((each) => new URL(each.url()).pathname === path);
    const value = await frame?.evaluate(script).catch(() => null);
    if (value) return value;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`not within ${timeout} ms; frames: ${page.frames().map((each) => each.url()).join(" ")}`);
}

async function pointAt(selector) {
  const box = await page.locator(selector).first().boundingBox();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(x, y);
  return [x, y];
}

async function drag({ selector, right, down }) {
  const [x, y] = await pointAt(selector);
  await page.mouse.down();
  await page.mouse.move(x + right, y + down, { steps: 10 });
  await page.mouse.up();
}

async function wheel({ selector, down }) {
  await pointAt(selector);
  await page.mouse.wheel(0, down);
}

const COMMANDS = {
  open,
  drag,
  wheel,
  unblock: () => {
    blocked = held = null;
  },
  reload: () => page.reload(),
  // The browser stays for another test, which sees nothing of this one.
  leave: async () => {
    await page?.context().close();
    page = null;
    complaints.length = 0;
  },
  // As the device would: the browser says so, and nothing passes.
  network: ({ isThere }) => page.context().setOffline(!isThere),
  evaluate: ({ script }) => page.evaluate(script),
  until,
  inFrame,
  media: ({ media }) => page.emulateMedia({ media }),
  click: ({ selector }) => page.locator(selector).first().click(),
  choose: ({ selector, value }) => page.locator(selector).first().selectOption(value),
  press: ({ key }) => page.keyboard.press(key),
  type: ({ text }) => page.keyboard.type(text),
  screenshot: ({ path, selector }) => (selector === null ? page : page.locator(selector).first()).screenshot({ path }),
  // Runs past the page's own policy, as a browser extension does.
  axe: async () => {
    await devtools.send("Runtime.evaluate", { expression: AXE });
    return page.evaluate(async () => (await window.axe.run()).violations
      .map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`) })));
  },
  // Seconds that the main thread has worked, and bytes that are alive on its heap after a collection.
  cost: async () => {
    await devtools.send("HeapProfiler.collectGarbage");
    const { metrics } = await devtools.send("Performance.getMetrics");
    const named = Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
    return { at: named.Timestamp, busy: named.TaskDuration, heap: named.JSHeapUsedSize, nodes: named.Nodes, listeners: named.JSEventListeners };
  },
  // Seconds that the page's main thread was busy out of so many, by Chromium's own trace: `cpu` of the thread, `wall` of its tasks.
  trace: async ({ seconds }) => {
    await browser.startTracing(page, { categories: ["toplevel", "disabled-by-default-devtools.timeline", "__metadata"] });
    const before = received;
    await new Promise((done) => setTimeout(done, seconds * 1000));
    const characters = received - before;
    const { traceEvents } = JSON.parse((await browser.stopTracing()).toString());
    const busy = new Map();
    const main = new Set(traceEvents.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain").map(({ pid, tid }) => `${pid} ${tid}`));
    for (const { name, pid, tid, dur = 0, tdur = 0 } of traceEvents) {
      if (!name.endsWith("RunTask") || !main.has(`${pid} ${tid}`)) continue;
      const spent = busy.get(`${pid} ${tid}`) ?? { wall: 0, cpu: 0 };
      busy.set(`${pid} ${tid}`, { wall: spent.wall + dur / 1e6, cpu: spent.cpu + tdur / 1e6 });
    }
    // The busiest renderer is the page's; an empty one may stand beside it.
    return { seconds, received: characters, ...[...busy.values()].sort((one, other) => other.cpu - one.cpu)[0] };
  },
  seen: () => ({ complaints, foreign }),
  forget: ({ text }) => {
    for (let at = complaints.length - 1; at >= 0; at--) if (complaints[at].includes(text)) complaints.splice(at, 1);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { command, number, ...options } = JSON.parse(line);
  let answer;
  try {
    answer = { number, value: (await COMMANDS[command](options)) ?? null };
  } catch (error) {
    answer = { number, error: `${command} ${JSON.stringify(options)}: ${error.message}; console: ${complaints.slice(-5).join(" | ")}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
