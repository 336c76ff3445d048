import type { Client } from "urql";
import { expect, test } from "vitest";
import { type Choice, select } from "../src/market/selection";
import { AssetNames } from "../src/stores/asset-names";
import { InstrumentRow } from "../src/stores/instrument-row";

const ROWS = ["BTC/USDT", "BTC/USD", "BCH/USDT", "ETH/BTC"].map((symbol) => new InstrumentRow(symbol));
const NODES = [
  { base: "BTC", name: "Bitcoin" },
  { base: "BCH", name: "Bitcoin Cash" },
];

async function namesOf(nodes: readonly { base: string; name: string }[]): Promise<AssetNames> {
  const names = new AssetNames();
  const data = { instruments: { nodes, pageInfo: { hasNextPage: false, endCursor: null } } };
  await names.load({ query: () => ({ toPromise: async () => ({ data }) }) } as unknown as Client);
  return names;
}

function choice(search: string, names: AssetNames, rest: Partial<Choice> = {}): Choice {
  return { search, names, only: null, ranking: null, freshnessOf: () => null, ...rest };
}

function symbols(rows: readonly InstrumentRow[]): string[] {
  return rows.map(({ symbol }) => symbol);
}

test.each([
  ["btcusdt", ["BTC/USDT"]],
  ["BTC-USDT", ["BTC/USDT"]],
  ["btc_usd", ["BTC/USDT", "BTC/USD"]],
  ["btc/usdt", ["BTC/USDT"]],
  ["\uff42tc", ["BTC/USDT", "BTC/USD", "ETH/BTC"]],
  ["bitcoin", ["BTC/USDT", "BTC/USD", "BCH/USDT"]],
  ["bitcoin-cash", ["BCH/USDT"]],
  ["bitcoin usdt", ["BTC/USDT", "BCH/USDT"]],
  ["usdtbit", []],
  ["%", []],
  [" ", ["BTC/USDT", "BTC/USD", "BCH/USDT", "ETH/BTC"]],
])("the search %j finds symbols in any spelling, and names", async (search, found) => {
  const names = await namesOf(NODES);
  expect(symbols(select(ROWS, choice(search, names)))).toEqual(found);
});

test("only the symbols of a list are searched if it is asked for", async () => {
  const names = await namesOf([]);
  expect(symbols(select(ROWS, choice("btc", names, { only: new Set(["ETH/BTC"]) })))).toEqual(["ETH/BTC"]);
});

test("the gateway ranks: what it has found, in its order", async () => {
  const names = await namesOf(NODES);
  const places = new Map([["BTC/USD", 0], ["BTC/USDT", 1]]);
  expect(symbols(select(ROWS, choice("bitcoin", names, { ranking: { words: "bitcoin", places, hasMore: false } })))).toEqual(["BTC/USD", "BTC/USDT"]);
  // It sends a page; what else the page knows follows.
  expect(symbols(select(ROWS, choice("bitcoin", names, { ranking: { words: "bitcoin", places, hasMore: true } })))).toEqual(["BTC/USD", "BTC/USDT", "BCH/USDT"]);
  // Names of sources are not searched by the gateway.
  expect(symbols(select(ROWS, choice("bitcoin", names, { ranking: { words: "bitcoin", places: new Map(), hasMore: false } })))).toHaveLength(3);
});
