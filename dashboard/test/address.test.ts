import { expect, test } from "vitest";
import { CHART_KINDS, CHART_RANGES, FIRST_CHART } from "../src/browser/chart-address";
import { parseSymbol } from "../src/browser/chart-address";
import { formatAddress, parseAddress, SORT_KEYS } from "../src/browser/address";
import { SPREAD_ROWS, SPREAD_SORT_KEYS } from "../src/browser/view-address";
import { readOperation } from "../src/graphiql/address";

test("an address that is written is read as the same", () => {
  for (const sort of [null, ...SORT_KEYS, "source:KRAKEN" as const])
    for (const descending of [true, false])
      for (const symbol of [null, "BTC/USDT"])
        for (const search of ["", "bitcoin usdt", "a&b=c/d?", "source:kraken stale"])
          for (const [list, shared] of [[null, null], ["", null], ["My list, 2", null], ["Mine", { name: "Mine", symbols: ["BTC/USDT", "ETH/USD"] }]] as const) {
            const address = { ...parseAddress(""), search, sort, descending, list, shared, symbol };
            const written = formatAddress(address);
            expect(parseAddress(written.slice(written.indexOf("?") < 0 ? written.length : written.indexOf("?")))).toEqual(address);
          }
});

test("what it does not know is as on a first visit", () => {
  expect(parseAddress("?sort=nonsense&dir=sideways&favourites=yes")).toEqual({ ...parseAddress(""), descending: false });
  expect(parseAddress("?sort=source:no%20source").sort).toBeNull();
  expect(formatAddress(parseAddress(""))).toBe("/");
});

test("a shared list is readable, and has each symbol once", () => {
  const shared = { name: "Mine", symbols: ["BTC/USDT", "ETH/USD"] };
  expect(formatAddress({ ...parseAddress(""), shared })).toBe("/?list=Mine&symbols=BTC/USDT,ETH/USD");
  expect(parseAddress("?symbols=btc/usdt,BTC/USDT,nonsense,").shared).toEqual({ name: "", symbols: ["BTC/USDT"] });
});

test("a link carries the chart of an instrument: frame, kind, source and the time in view", () => {
  const time = Date.parse("2026-11-28T14:05:00Z");
  for (const range of [null, ...CHART_RANGES])
    for (const kind of CHART_KINDS)
      for (const [from, to] of [[null, null], [time, null], [time, time + 3_600_000]] as const) {
        const address = { ...parseAddress(""), symbol: "BTC/USDT", chart: { ...FIRST_CHART, range, kind, source: "OKX", from, to } };
        expect(parseAddress(formatAddress(address).slice(1))).toEqual(address);
      }
});

test("a time in an address is readable", () => {
  const chart = { ...FIRST_CHART, range: "1d" as const, from: Date.parse("2026-11-28T14:05:00Z") };
  expect(formatAddress({ ...parseAddress(""), symbol: "BTC/USDT", chart })).toBe("/?symbol=BTC/USDT&range=1d&from=2026-11-28T14:05Z");
});

test("the market's address has no chart, and nonsense is as on a first visit", () => {
  expect(parseAddress("?range=1h").chart).toEqual(FIRST_CHART);
  expect(parseAddress("?symbol=A/B&range=3h&chart=pie&source=no%20source&from=yesterday&to=2026-11-28T14:05Z").chart).toEqual(FIRST_CHART);
  expect(parseAddress("?symbol=A/B&from=2026-11-28T14:05Z&to=2026-11-28T13:05Z").chart).toEqual(FIRST_CHART);
});

test("a link carries the further lines of a chart and its full screen", () => {
  for (const isOn of [false, true])
    for (const compare of [null, "ETH/USDT"]) {
      const chart = { ...FIRST_CHART, consensus: isOn, spread: !isOn, compare, isFull: isOn };
      const address = { ...parseAddress(""), symbol: "BTC/USDT", chart };
      expect(parseAddress(formatAddress(address).slice(1))).toEqual(address);
    }
});

test("a symbol to compare with is taken as people write it", () => {
  for (const text of ["eth/usdt", "ETH-USDT", " eth usdt ", "Eth_Usdt"]) expect(parseSymbol(text)).toBe("ETH/USDT");
  for (const text of [null, "", "ETH", "ETH//USDT", "/USDT", "E\"TH/USDT"]) expect(parseSymbol(text)).toBeNull();
});

test("a link carries the spread view with its order, and the converter with what was typed", () => {
  const home = parseAddress("");
  for (const rows of SPREAD_ROWS)
    for (const sort of SPREAD_SORT_KEYS)
      for (const descending of [true, false]) {
        const address = { ...home, view: "spreads" as const, spreads: { rows, sort, descending } };
        expect(parseAddress(formatAddress(address).slice(1))).toEqual(address);
      }
  const address = { ...home, view: "converter" as const, converter: { amount: "1,5 & more", from: "eth", to: "" } };
  expect(parseAddress(formatAddress(address).slice(1))).toEqual(address);
  expect(formatAddress({ ...home, view: "converter", converter: { amount: "1.5", from: "ETH", to: "BTC" } })).toBe("/?view=converter&amount=1.5&from=ETH&to=BTC");
});

test("an open instrument hides the view beside it", () => {
  expect(formatAddress({ ...parseAddress(""), view: "spreads", symbol: "BTC/USDT" })).toBe("/?symbol=BTC/USDT");
});

test("a symbol is understood as people write it", () => {
  for (const written of ["btc/usdt", "BTC-USDT", "btc_usdt", "Btc%2FUsdt", "%EF%BC%A2TC/USDT", "btc usdt"]) expect(parseAddress(`?symbol=${written}`).symbol).toBe("BTC/USDT");
  // Where a joined symbol splits is not guessed.
  expect(parseAddress("?symbol=btcusdt").symbol).toBe("BTCUSDT");
  expect(parseAddress("?symbol=btc/usd-c").symbol).toBe("BTC/USD-C");
  expect(parseAddress("").symbol).toBeNull();
});

test("a link to GraphiQL carries an operation with its variables", () => {
  expect(readOperation("?query=%7B%20a%20%7D")).toEqual({ query: "{ a }" });
  expect(readOperation('?query={a}&variables={"b":1}')).toEqual({ query: "{a}", variables: '{\n  "b": 1\n}\n' });
  expect(readOperation("?query={a}&variables=nonsense")).toEqual({ query: "{a}", variables: "nonsense" });
  expect(readOperation("?variables={}")).toBeNull();
});
