import type { Client } from "urql";
import { expect, test } from "vitest";
import { select } from "../src/market/selection";
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
  expect(select(ROWS, search, names, null).map((row) => row.symbol)).toEqual(found);
});

test("only favourites are searched if they are asked for", async () => {
  const names = await namesOf([]);
  expect(select(ROWS, "btc", names, new Set(["ETH/BTC"])).map((row) => row.symbol)).toEqual(["ETH/BTC"]);
});
