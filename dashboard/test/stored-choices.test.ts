import { beforeEach, expect, test, vi } from "vitest";

const stored = new Map<string, string>();

beforeEach(() => {
  stored.clear();
  vi.resetModules();
  vi.stubGlobal("window", { addEventListener: () => undefined });
  vi.stubGlobal("localStorage", { getItem: (key: string) => stored.get(key) ?? null, setItem: (key: string, value: string) => stored.set(key, value) });
});

test("lists keep their names and instruments, and a name is given once", async () => {
  const { addList, removeList, renameList, symbolsOf, toggleInList, readWatchlists } = await import("../src/market/watchlists");
  expect(addList("  Mine ")).toBe("Mine");
  expect(addList("Mine", ["BTC/USD"])).toBe("Mine 2");
  toggleInList("Mine", "ETH/USD");
  expect([...symbolsOf("Mine")]).toEqual(["ETH/USD"]);
  expect(renameList("Mine 2", "Mine")).toBe("Mine 3");
  expect(renameList("Mine 3", " ")).toBe("Mine 3");
  removeList("Mine");
  expect([...readWatchlists(stored.get("ratewire.watchlists") ?? null)]).toEqual([["Mine 3", new Set(["BTC/USD"])]]);
});

test("what is stored by another version or by hand is as on a first visit", async () => {
  const { readWatchlists } = await import("../src/market/watchlists");
  const { readSettings } = await import("../src/market/table-settings");
  for (const text of [null, "", "{", "[1]", '"x"', '{"A":1,"":["B"]}']) expect(readWatchlists(text).size).toBe(0);
  for (const text of [null, "", "{", "null", "7", '{"order":1,"hidden":{}}']) expect(readSettings(text)).toEqual({ order: [], hidden: new Set(), isCompact: false, isGrouped: false });
  expect(readSettings('{"order":["price",3],"hidden":["age"],"isCompact":true}')).toEqual({ order: ["price"], hidden: new Set(["age"]), isCompact: true, isGrouped: false });
});

test("columns move among the others, and the name stays first", async () => {
  const { arrange, moveColumn, tableSettings } = await import("../src/market/table-settings");
  const columns = ["symbol", "price", "age", "spread"].map((id) => ({ id }) as never);
  const order = () => arrange(columns, tableSettings.value).map(({ id }) => id);
  expect(moveColumn(arrange(columns, tableSettings.value), "spread", -1)).toBe(true);
  expect(order()).toEqual(["symbol", "price", "spread", "age"]);
  expect(moveColumn(arrange(columns, tableSettings.value), "price", -1)).toBe(false);
  expect(moveColumn(arrange(columns, tableSettings.value), "symbol", 2)).toBe(false);
  expect(moveColumn(arrange(columns, tableSettings.value), "price", 9)).toBe(true);
  expect(order()).toEqual(["symbol", "spread", "age", "price"]);
});
