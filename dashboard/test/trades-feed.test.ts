import { expect, test } from "vitest";
import { addTrades, type LiveTrade, MOST_TRADES, type TradesState } from "../src/instrument/trades-feed";

const NONE: TradesState = { trades: [], isLoaded: false, problem: null };

function trades(...ids: number[]): LiveTrade[] {
  return ids.map((id) => ({ sourceTradeId: String(id), price: "1", quantity: "1", time: "2026-11-29T12:00:00Z", side: "BUY", count: 1, afterGap: false }));
}

const ids = ({ trades: known }: TradesState) => known.map(({ sourceTradeId }) => Number(sourceTradeId));

test("trades are listed with the newest first, each once", () => {
  const first = addTrades(NONE, { kind: "SNAPSHOT", items: trades(1, 2, 3) }, false);
  expect(ids(first)).toEqual([3, 2, 1]);
  expect(ids(addTrades(first, { kind: "UPDATE", items: trades(4, 5) }, true))).toEqual([5, 4, 3, 2, 1]);
});

test("a snapshot that follows the cursor is added, another one replaces all", () => {
  const known = addTrades(NONE, { kind: "SNAPSHOT", items: trades(1, 2) }, false);
  expect(ids(addTrades(known, { kind: "SNAPSHOT", items: trades(3) }, true))).toEqual([3, 2, 1]);
  expect(ids(addTrades(known, { kind: "SNAPSHOT", items: trades(8, 9) }, false))).toEqual([9, 8]);
});

test("the list has an end, and a heartbeat changes nothing", () => {
  const many = addTrades(NONE, { kind: "SNAPSHOT", items: trades(...Array.from({ length: 2 * MOST_TRADES }, (_, id) => id)) }, false);
  expect(ids(many)).toHaveLength(MOST_TRADES);
  expect(ids(many)[0]).toBe(2 * MOST_TRADES - 1);
  expect(addTrades(many, { kind: "HEARTBEAT", items: [] }, true)).toBe(many);
  expect(addTrades(many, { kind: "GAP", items: [] }, true)).toBe(many);
});
