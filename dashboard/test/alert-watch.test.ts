import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { make, type Observer } from "wonka";
import type { Firing } from "../src/alerts/engine";
import { AlertWatch } from "../src/alerts/watch";
import type { Gateway } from "../src/graphql/gateway";
import { LateAnswers } from "../src/graphql/late-answers";
import { countCrossings, freshCents, hourOfTrading, middleOf, type Moment, quotesOf, rule } from "./trading-hour";

const SYMBOL = "BTC/USDT";
const SECOND_MS = 1_000;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("window", globalThis);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Sends the moments of an hour as a gateway would: what has changed, what is suspect, and after a loss what was missed or everything. */
class FakeGateway {
  #open: Observer<unknown> | null = null;
  #told = new Map<string, string>();
  subscriptions = 0;

  get gateway(): Gateway {
    const subscription = () =>
      make((observer: Observer<unknown>) => {
        this.#open = observer;
        this.subscriptions += 1;
        return () => undefined;
      });
    return { client: { subscription } as unknown as Gateway["client"], late: new LateAnswers(), hangUp: () => this.lose() };
  }

  lose(): void {
    const observer = this.#open;
    this.#open = null;
    observer?.complete();
  }

  /** `recovered`: null within a subscription. */
  send(moment: Moment, recovered: boolean | null): void {
    const now = new Map(quotesOf(moment).map((quote) => [quote.source, quote]));
    const isNew = (source: string) => recovered === false || this.#told.get(source) !== JSON.stringify(now.get(source));
    const items = [...now.values()].filter(({ source }) => isNew(source)).map(({ source, price, observedAtMs, ttlMs, simulated }) => ({ symbol: SYMBOL, source: { code: source }, price, observedAt: new Date(observedAtMs).toISOString(), ttlMs, simulated }));
    const gone = [...this.#told.keys()].filter((source) => !now.has(source));
    const unavailable = gone.map((source) => ({ symbol: SYMBOL, source: { code: source }, reason: "SUSPECT", message: "" }));
    this.#told = new Map([...now].map(([source, quote]) => [source, JSON.stringify(quote)]));
    this.#open?.next({ data: { rates: { kind: recovered === null ? "UPDATE" : "SNAPSHOT", items, unavailable, cursor: `c${moment.atMs}`, recovered, sentAt: new Date(moment.atMs).toISOString() } } });
  }
}

/** Plays the moments, which leave out the seconds without a connection. Returns what has fired, with the moment of each. */
function watchHour(moments: readonly Moment[], wanted: Parameters<AlertWatch["watch"]>[0]) {
  const fake = new FakeGateway();
  const fired: { firing: Firing; moment: Moment }[] = [];
  let now: Moment = moments[0] as Moment;
  const watch = new AlertWatch(fake.gateway, (firing) => fired.push({ firing, moment: now }));
  watch.watch(wanted);
  let losses = 0;
  for (const moment of moments) {
    const passedMs = moment.atMs - now.atMs;
    if (passedMs > SECOND_MS) {
      fake.lose();
      losses += 1;
      vi.advanceTimersByTime(passedMs);
      // As when the network returns.
      watch.retryNow();
    }
    const isFirst = now === moment;
    now = moment;
    // After every second loss the gateway cannot prove what was missed.
    fake.send(moment, isFirst || (passedMs > SECOND_MS && losses % 2 === 0) ? false : passedMs > SECOND_MS ? true : null);
    expect(watch.read().isWatching).toBe(true);
    vi.advanceTimersByTime(SECOND_MS);
  }
  expect(losses).toBeGreaterThan(3);
  expect(fake.subscriptions).toBeGreaterThan(losses);
  watch.watch([]);
  expect(vi.getTimerCount()).toBe(0);
  return fired;
}

test.each([1, 2])("through subscriptions that are lost and resumed every crossing fires once, and none of a stale price, %i", { timeout: 60_000 }, (seed) => {
  const moments = hourOfTrading(seed);
  const levels = ["59700.00", "60000.00", "60512.34"];
  const wanted = [...levels.map((level) => rule("above", level)), rule("above", "60000.00", "KRAKEN"), rule("above", "80000.00")];
  const fired = watchHour(moments, wanted);
  for (const one of wanted) {
    const at = Math.round(Number(one.level) * 100);
    const prices = moments.map((moment) => middleOf(freshCents(moment, one.source))).filter((price) => price !== undefined);
    const letters = prices.map((price) => (price >= at ? "B" : price * 1_000 <= at * 999 ? "N" : "M")).join("");
    expect(fired.filter(({ firing }) => firing.rule === one)).toHaveLength(countCrossings(letters));
  }
  expect(fired.length).toBeGreaterThan(10);
  for (const { firing, moment } of fired) expect(freshCents(moment, firing.rule.source)).toContain(Math.round(Number(firing.value) * 100));
});
