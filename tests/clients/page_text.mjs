// Serves a built page, opens it in a browser with a query string, and prints its visible text as a JSON line whenever that changes,
// until its input ends:  node page_text.mjs FOLDER QUERY_STRING CHROMIUM
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { chromium } from "playwright-core";

const [folder, parameters, executablePath] = process.argv.slice(2);
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css" };
const server = createServer(async ({ url }, response) => {
  const { pathname } = new URL(url, "http://localhost");
  const file = pathname === "/" ? "index.html" : pathname.slice(1);
  const content = await readFile(join(folder, file)).catch(() => null);
  if (content === null) response.writeHead(404).end();
  else response.setHeader("content-type", TYPES[extname(file)] ?? "application/octet-stream").end(content);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
const page = await browser.newPage();
page.on("pageerror", (error) => console.log(JSON.stringify({ error: String(error) })));
await page.exposeFunction("say", (text) => console.log(JSON.stringify({ text })));
await page.addInitScript(() => {
  new MutationObserver(() => say(document.body?.innerText ?? "")).observe(document, { childList: true, characterData: true, subtree: true });
});
await page.goto(`http://127.0.0.1:${server.address().port}/?${parameters}`);
process.stdin.on("end", () => browser.close().then(() => process.exit(0))).resume();
