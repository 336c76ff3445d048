import { describe, expect, test } from "vitest";
import { AlertEngine, type AlertQuote } from "../src/alerts/engine";
import { type AlertRule, isRule, readRules } from "../src/alerts/rules";
import { countCrossings, freshCents, hourOfTrading, middleOf, type Moment, quotesOf, rule, START_MS, TTL_MS } from "./trading-hour";

function firings(moments: readonly Moment[], wanted: AlertRule) {
  const engine = new AlertEngine(wanted);
  return moments.flatMap((moment) => {
    const fired = engine.judge(quotesOf(moment), moment.atMs, true);
    return fired === null ? [] : [{ ...fired, moment }];
  });
}

describe.each([1, 2])("an hour of trading with faults, %i", { timeout: 60_000 }, (seed) => {
  const moments = hourOfTrading(seed);

  test.each(["59700.00", "60000.00", "60512.34"])("every crossing of %s fires once, and no other", (level) => {
    const at = Math.round(Number(level) * 100);
    for (const source of [null, "KRAKEN"]) {
      const prices = moments.map((moment) => middleOf(freshCents(moment, source))).filter((price) => price !== undefined);
      const up = prices.map((price) => (price >= at ? "B" : price * 1_000 <= at * 999 ? "N" : "M")).join("");
      const down = prices.map((price) => (price <= at ? "B" : price * 1_000 >= at * 1_001 ? "N" : "M")).join("");
      expect(countCrossings(up)).toBeGreaterThan(3);
      expect(firings(moments, rule("above", level, source))).toHaveLength(countCrossings(up));
      expect(firings(moments, rule("below", level, source))).toHaveLength(countCrossings(down));
    }
  });

  test("none is of a stale, suspect or simulated price", () => {
    for (const wanted of [rule("above", "60000"), rule("below", "60000"), rule("above", "60000", "OKX"), rule("move", "0.5")]) {
      for (const { value, moment, simulated } of firings(moments, wanted)) {
        expect(simulated).toBe(false);
        const fresh = freshCents(moment, wanted.source);
        expect(fresh).not.toHaveLength(0);
        if (wanted.kind !== "move") expect(fresh).toContain(Math.round(Number(value) * 100));
      }
    }
    expect(firings(moments, rule("above", "80000"))).toEqual([]);
    expect(firings(moments, rule("above", "80000", "SIMULATED"))).toEqual([]);
  });

  test("every move of 0.7 % within five minutes fires once", () => {
    let since: { atMs: number; price: number }[] = [];
    let count = 0;
    for (const moment of moments) {
      const price = middleOf(freshCents(moment, null));
      if (price === undefined) continue;
      since.push({ atMs: moment.atMs, price });
      const window = since.filter(({ atMs }) => moment.atMs - atMs <= 300_000);
      if (!window.some((each) => (price - each.price) * 1_000 >= each.price * 7 || (each.price - price) * 1_000 >= each.price * 7)) continue;
      count += 1;
      since = [{ atMs: moment.atMs, price }];
    }
    expect(count).toBeGreaterThan(3);
    expect(firings(moments, rule("move", "0.7"))).toHaveLength(count);
  });

  test("every widening of the spread fires once", () => {
    const letters = moments
      .map((moment) => freshCents(moment, null))
      .filter(({ length }) => length > 1)
      .map((sorted) => {
        const [low, high] = [sorted[0] as number, sorted.at(-1) as number];
        const [apart, level] = [(high - low) * 20_000, (high + low) * 12];
        return apart >= level ? "B" : apart * 10 <= level * 9 ? "N" : "M";
      })
      .join("");
    expect(countCrossings(letters)).toBeGreaterThan(3);
    expect(firings(moments, rule("spread", "12"))).toHaveLength(countCrossings(letters));
  });

  test("every silence fires once, and never while somebody is heard", () => {
    const age = (moment: Moment, source: string) => moment.atMs - (moment.observedAtMs.get(source) as number);
    const told = moments.filter((moment) => moment.cents.has("BINANCE"));
    const letters = told.map((moment) => (age(moment, "BINANCE") > 15_000 ? "B" : "N")).join("");
    expect(countCrossings(letters)).toBeGreaterThan(0);
    const fired = firings(moments, rule("stale", "15", "BINANCE"));
    expect(fired).toHaveLength(countCrossings(letters));
    for (const { moment } of fired) expect(age(moment, "BINANCE")).toBeGreaterThan(15_000);
  });
});

const one = (price: string, ageMs = 0, simulated = false): AlertQuote[] => [{ source: "KRAKEN", price, observedAtMs: START_MS - ageMs, ttlMs: TTL_MS, simulated }];

test("a rule that is met when it begins waits until the price has come back", () => {
  const engine = new AlertEngine(rule("above", "100"));
  const fires = ["101", "100", "99.95", "101", "99.9", "99.99", "100"].map((price) => engine.judge(one(price), START_MS, false) !== null);
  expect(fires).toEqual([false, false, false, false, false, false, true]);
});

test("prices are compared to their last digit", () => {
  const engine = new AlertEngine(rule("above", "0.00001412345678901234"));
  expect(engine.judge(one("0.00001412345678901233"), START_MS, false)).toBeNull();
  expect(engine.judge(one("0.00001412345678901234"), START_MS, false)?.value).toBe("0.00001412345678901234");
});

test("on a page of simulated rates alone alerts fire, and say so", () => {
  const engine = new AlertEngine(rule("above", "100"));
  engine.judge(one("99", 0, true), START_MS, false);
  expect(engine.judge(one("101", 0, true), START_MS, false)).toMatchObject({ value: "101", simulated: true });
});

test("a quote counts exactly until its time to live", () => {
  const engine = new AlertEngine(rule("above", "100"));
  engine.judge(one("99"), START_MS, false);
  expect(engine.judge(one("101", TTL_MS + 1), START_MS, false)).toBeNull();
  expect(engine.judge(one("101", TTL_MS), START_MS, false)).not.toBeNull();
});

test("stored rules that mean nothing are left out", () => {
  const good = rule("above", "100");
  const bad = [{ ...good, level: "0" }, { ...good, level: "1e5" }, { ...good, kind: "sideways" }, { ...good, symbol: "BTC" }, { ...good, source: "a b" }, { ...good, windowMin: 0 }, null, 5];
  expect(readRules(JSON.stringify([...bad, good]))).toEqual([good]);
  expect(bad.some(isRule)).toBe(false);
  expect([readRules(null), readRules("{"), readRules("5")]).toEqual([[], [], []]);
});
