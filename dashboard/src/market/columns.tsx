// The columns of the market table: sort key and content of each. The table decides which of them fit.
import { createColumnHelper, createSortedRowModel, rowSortingFeature, sortFn_basic, tableFeatures } from "@tanstack/react-table";
import type { SortKey } from "../browser/address";
import { sourceName } from "../rates/figures";
import { clock } from "../stores/session";
import { AgeCell, ChangeCell, FavouriteCell, InstrumentCell, PriceCell, SourceCell, SpreadCell, VolumeCell } from "./cells";
import type { InstrumentRow, Quote } from "../stores/instrument-row";
import { leadOf, turnover } from "./lead";

export const features = tableFeatures({
  rowSortingFeature,
  sortedRowModel: createSortedRowModel(),
  sortFns: { basic: sortFn_basic },
});
const helper = createColumnHelper<typeof features, InstrumentRow>();

/** Floats are enough for sorting; they are never shown. */
function leading(read: (quote: Quote) => string | number | null): (row: InstrumentRow) => number | undefined {
  return (row) => {
    const lead = leadOf(row);
    const value = lead === null ? null : read(lead);
    return value === null ? undefined : Number(value);
  };
}

const LAST = { sortUndefined: "last", sortFn: "basic" } as const;
const figure = (id: SortKey, header: string, read: (row: InstrumentRow) => number | undefined, Cell: (props: { row: InstrumentRow }) => React.ReactNode) =>
  helper.accessor(read, { id, header, ...LAST, cell: ({ row }) => <Cell row={row.original} /> });

const favourite = helper.display({ id: "favourite", header: "Favourite", cell: ({ row }) => <FavouriteCell row={row.original} /> });
const symbol = helper.accessor("symbol", { id: "symbol", header: "Instrument", ...LAST, cell: ({ row }) => <InstrumentCell row={row.original} /> });
const price = figure("price", "Price", leading(({ rate }) => rate.price), PriceCell);
const change = figure("change", "24 h", leading(({ rate }) => rate.changePercent24h), ChangeCell);
const volume = figure("volume", "Volume", leading(turnover), VolumeCell);
const spread = figure("spread", "Spread", (row) => row.spread(clock, Date.now()) ?? undefined, SpreadCell);
const age = figure("age", "Age", leading(({ observedAtMs }) => clock.ageMs(observedAtMs, Date.now())), AgeCell);

const ON_A_PHONE = ["favourite", "symbol", "price", "change", "age"];

/** Returns whether a column fits; a link may still sort by a column that does not. */
export function isShown(column: string, isNarrow: boolean): boolean {
  return !isNarrow || ON_A_PHONE.includes(column);
}

/** One column per source; none if the market has only one source. */
export function columnsFor(sources: readonly string[]) {
  const each = sources.map((source) =>
    helper.display({ id: `source:${source}`, header: sourceName(source), cell: ({ row }) => <SourceCell row={row.original} source={source} /> }),
  );
  return helper.columns([favourite, symbol, price, change, volume, spread, age, ...(sources.length > 1 ? each : [])]);
}
