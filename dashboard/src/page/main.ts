// The front page: one subscription drives the table, the banner and the connection light.
import { graphqlSocketUrl } from "../graphql-address";
import { type FeedState, RatesFeed } from "../live/rates-feed";
import type { RatesEvent } from "../rates/rate";
import { ServerClock } from "../rates/server-clock";
import { setText } from "./cell-text";
import { RateTable, type TableFacts } from "./rate-table";
import { UnavailableList } from "./unavailable-list";

/** Ages are shown in whole seconds. */
const TICK_MS = 1_000;
/** A glance at another tab keeps the subscription; a longer absence frees the server of it. */
const LET_GO_AFTER_HIDDEN_MS = 30_000;
const STATE_WORD: Record<FeedState, string> = {
  connecting: "Connecting",
  live: "Live",
  reconnecting: "Reconnecting",
  paused: "Paused",
};

function find(selector: string): HTMLElement {
  const element = document.querySelector<HTMLElement>(selector);
  if (element === null) throw new Error(`index.html has no element ${selector}`);
  return element;
}

const connection = find("#connection");
const problem = find("#problem");
const clock = new ServerClock();
const table = new RateTable(find("#rows"), clock, showFacts);
const unavailable = new UnavailableList(find("#unavailable"), find("#unavailable summary"), find("#unavailable ul"));
const feed = new RatesFeed({ onEvent: receive, onState: showState, onProblem: showProblem });
let ticking: number | undefined;
let lettingGo: number | undefined;

function receive(event: RatesEvent): void {
  clock.learn(Date.parse(event.sentAt), Date.now());
  if (event.kind === "SNAPSHOT") {
    table.replace(event.items);
    unavailable.replace(event.unavailable);
  } else if (event.items.length > 0 || event.unavailable.length > 0) {
    table.merge(event.items);
    unavailable.merge(event.unavailable, event.items);
  }
}

function showState(state: FeedState): void {
  if (state === "live") clock.reset();
  connection.dataset["state"] = state;
  connection.textContent = STATE_WORD[state];
}

function showProblem(message: string | null): void {
  problem.hidden = message === null;
  problem.textContent = message === null ? "" : `The gateway says: ${message}`;
}

function showFacts({ rates, shown, byFreshness, simulated }: TableFacts): void {
  find("#simulated").hidden = !simulated;
  find("#empty").hidden = shown > 0;
  setText(find("#empty"), rates > 0 ? "No symbol or source contains that." : "Waiting for the first rates…");
  const counts = [`${byFreshness.FRESH} fresh`];
  if (byFreshness.STALE > 0) counts.push(`${byFreshness.STALE} stale`);
  if (byFreshness.EXPIRED > 0) counts.push(`${byFreshness.EXPIRED} expired`);
  setText(find("#counts"), rates === 0 ? "" : `${rates} rates: ${counts.join(", ")}`);
}

function followVisibility(): void {
  window.clearInterval(ticking);
  window.clearTimeout(lettingGo);
  if (document.hidden) {
    lettingGo = window.setTimeout(() => feed.pause(), LET_GO_AFTER_HIDDEN_MS);
  } else {
    ticking = window.setInterval(() => table.redraw(), TICK_MS);
    table.redraw();
    feed.start();
  }
}

function followFilter(): void {
  const input = find("#filter") as HTMLInputElement;
  input.addEventListener("input", () => table.filter(input.value));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target === input) return;
    event.preventDefault();
    input.focus();
  });
  table.filter(input.value);
}

for (const place of document.querySelectorAll<HTMLElement>("[data-origin]")) {
  place.textContent = place.dataset["origin"] === "ws" ? new URL(graphqlSocketUrl()).origin : location.origin;
}
followFilter();
document.addEventListener("visibilitychange", followVisibility);
window.addEventListener("online", () => feed.retryNow());
followVisibility();
