import { expect, test } from "vitest";
import { asCsv, asTabs } from "../src/market/take-along";
import { pathOf } from "../src/market/sparkline";
import { InstrumentRow } from "../src/stores/instrument-row";

const ROWS = ["BTC/USD", "ETH/USD"].map((symbol) => new InstrumentRow(symbol));

/** A column with these texts, one for each row. */
function column(id: string, long: string, texts: readonly string[] | null) {
  const text = texts === null ? null : (row: InstrumentRow) => texts[ROWS.indexOf(row)] ?? "";
  return { id, short: id, long, width: 1, sort: null, descendsFirst: true, value: () => undefined, text, cell: () => ({ update: () => undefined }) };
}

const COLUMNS = [column("symbol", "Instrument", ["BTC/USD", "ETH/USD"]), column("price", "Price", ["62386.4183912345", "-0.5"]), column("spark", "Line", null), column("lead", "By", ["a\tb", 'say "x", y'])];

test("cells are separated by tabs, and none has one", () => {
  expect(asTabs(ROWS, COLUMNS)).toBe('BTC/USD\t62386.4183912345\ta b\nETH/USD\t-0.5\tsay "x", y');
  expect(asTabs(ROWS.slice(0, 1), COLUMNS.slice(0, 2), { withHead: true })).toBe("Instrument\tPrice\nBTC/USD\t62386.4183912345");
});

test("a file has a head and the asset's name, quotes what needs it, and runs no formula", () => {
  const names = ["=1+1", "-danger"];
  const csv = asCsv(ROWS, COLUMNS, (row) => names[ROWS.indexOf(row)] ?? "");
  expect(csv).toBe('Instrument,Name,Price,By\r\nBTC/USD,\'=1+1,62386.4183912345,a\tb\r\nETH/USD,\'-danger,-0.5,"say ""x"", y"\r\n');
});

test("a line goes from low to high, and has a gap where a price is not known", () => {
  expect(pathOf(["1", "2", null, "1", "2"])).toBe("M0 22.5L24 1.5M72 22.5L96 1.5");
  expect(pathOf(["1", "1"])).toBe("M0 12L96 12");
  expect([pathOf([]), pathOf(["1"]), pathOf([null, "1", null])]).toEqual(["", "", ""]);
});
