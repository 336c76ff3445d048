// The columns of the market table: name, width, value to sort by, cell, and the exact text of a copy.
import {
  columnGroupingFeature,
  columnOrderingFeature,
  columnVisibilityFeature,
  createColumnHelper,
  createExpandedRowModel,
  createGroupedRowModel,
  createSortedRowModel,
  rowAggregationFeature,
  rowExpandingFeature,
  rowSelectionFeature,
  rowSortingFeature,
  sortFn_basic,
  tableFeatures,
} from "@tanstack/react-table";
import type { SortKey } from "../browser/address";
import { sourceName } from "../rates/figures";
import { clock, names } from "../stores/session";
import type { InstrumentRow } from "../stores/instrument-row";
import { ASSET, LEAD, NAME } from "./column-ids";
import { leadName } from "./lead-name";
import { changeOf, viewOf, volumeOf } from "./present";
import { type CellView, figureCell } from "./figure";
import { nameCell, sourceCell, sparkCell } from "./row-cells";
import { ageFigure, changeFigure, leadFigure, priceFigure, spreadFigure, volumeFigure } from "./row-figures";

export const features = tableFeatures({
  columnOrderingFeature,
  columnVisibilityFeature,
  columnGroupingFeature,
  rowAggregationFeature,
  rowExpandingFeature,
  rowSelectionFeature,
  rowSortingFeature,
  groupedRowModel: createGroupedRowModel(),
  expandedRowModel: createExpandedRowModel(),
  sortedRowModel: createSortedRowModel(),
  sortFns: { basic: sortFn_basic },
});
const helper = createColumnHelper<typeof features, InstrumentRow>();

type Value = string | number | undefined;

export interface MarketColumn {
  id: string;
  /** In the head of the table. */
  short: string;
  /** In the menu and as the title of the head. */
  long: string;
  /** Of the grid, in rem: the least that its longest figure needs. */
  width: number;
  /** The same in a narrow window, where it is not in proportion: name, price and two changes fit on a phone. */
  narrowWidth?: number;
  /** Null: not sorted by. */
  sort: SortKey | null;
  /** Text and ages are sorted ascending first, other figures descending: people look for the largest values. */
  descendsFirst: boolean;
  /** Floats are enough for sorting; they are never shown. */
  value(row: InstrumentRow): Value;
  /** What a copy and an export get: every digit. Null: the column has no text. */
  text: ((row: InstrumentRow) => string) | null;
  /** Fills a new cell, and returns what keeps it current. */
  cell(place: HTMLElement): CellView;
  /** The value of a group of rows, where it is not the largest one. */
  ofGroup?: "sum" | "least";
}

function change(id: SortKey, span: "1h" | "24h" | "7d", words: string): MarketColumn {
  return {
    id,
    short: span.replace(/(\d+)/, "$1 "),
    long: `Change over ${words}`,
    width: 6,
    narrowWidth: 4.9,
    sort: id,
    descendsFirst: true,
    value: (row) => number(changeOf(row, span)?.percent),
    text: (row) => changeOf(row, span)?.percent ?? "",
    cell: figureCell((row) => changeFigure(row, span)),
  };
}

const OWN: readonly MarketColumn[] = [
  { id: NAME, short: "Instrument", long: "Instrument", width: 14, narrowWidth: 7.9, sort: "symbol", descendsFirst: false, value: (row) => row.symbol, text: (row) => row.symbol, cell: nameCell },
  {
    id: "price",
    short: "Price",
    long: "Price",
    width: 8.4,
    sort: "price",
    descendsFirst: true,
    value: (row) => number(viewOf(row).headline?.price),
    text: (row) => viewOf(row).headline?.price ?? "",
    cell: figureCell(priceFigure),
  },
  {
    id: LEAD,
    short: "By",
    long: "Whose price it is",
    width: 7.7,
    sort: "lead",
    descendsFirst: false,
    value: (row) => leadName(viewOf(row).headline) || undefined,
    text: (row) => leadName(viewOf(row).headline),
    cell: figureCell(leadFigure),
  },
  change("change1h", "1h", "an hour"),
  change("change", "24h", "24 hours"),
  change("change7d", "7d", "7 days"),
  { id: "spark", short: "Last 24 h", long: "Line of the last 24 hours", width: 7, sort: null, descendsFirst: true, value: () => undefined, text: null, cell: sparkCell },
  {
    id: "volume",
    short: "Volume $",
    long: "Volume of 24 hours in USD",
    width: 6.3,
    sort: "volume",
    descendsFirst: true,
    value: (row) => volumeOf(row)?.usd,
    text: (row) => volumeOf(row)?.usd.toFixed(0) ?? "",
    cell: figureCell(volumeFigure),
    ofGroup: "sum",
  },
  {
    id: "spread",
    short: "Spread",
    long: "Spread between the exchanges",
    width: 6.9,
    sort: "spread",
    descendsFirst: true,
    value: (row) => viewOf(row).spread?.bps,
    text: (row) => viewOf(row).spread?.bps.toFixed(4) ?? "",
    cell: figureCell(spreadFigure),
  },
  {
    id: "age",
    short: "Age",
    long: "Age of the price",
    width: 6.6,
    sort: "age",
    descendsFirst: false,
    value: (row) => {
      const observedAtMs = viewOf(row).headline?.observedAtMs;
      return observedAtMs === undefined ? undefined : clock.ageMs(observedAtMs, Date.now());
    },
    text: (row) => {
      const observedAtMs = viewOf(row).headline?.observedAtMs;
      return observedAtMs === undefined ? "" : new Date(observedAtMs).toISOString();
    },
    cell: figureCell(ageFigure),
    ofGroup: "least",
  },
];

function sourceColumn(source: string): MarketColumn {
  return {
    id: `source:${source}`,
    short: sourceName(source),
    long: `Price of ${sourceName(source)}`,
    width: 7.1,
    sort: `source:${source}`,
    descendsFirst: true,
    value: (row) => number(row.quotes.get(source)?.rate.price),
    text: (row) => row.quotes.get(source)?.rate.price ?? "",
    cell: sourceCell(source),
  };
}

/** All columns in their first order. One for each source; none if the market has only one source. */
export function marketColumns(sources: readonly string[]): MarketColumn[] {
  return [...OWN, ...(sources.length > 1 ? sources.map(sourceColumn) : [])];
}

/** The same for the table library. */
export function tableColumns(columns: readonly MarketColumn[]) {
  const group = helper.accessor((row) => row.base, { id: ASSET, header: "Asset", enableSorting: false });
  return helper.columns([
    group,
    ...columns.map(({ id, short, sort, value, ofGroup }) =>
      helper.accessor(value, {
        id,
        header: short,
        enableSorting: sort !== null,
        sortUndefined: "last",
        sortFn: "basic",
        aggregationFn: { aggregate: ({ rows }: { rows: readonly { getValue(column: string): unknown }[] }) => valueOfGroup(rows.map((row) => row.getValue(id) as Value), ofGroup) },
      }),
    ),
  ]);
}

function valueOfGroup(values: readonly Value[], how: MarketColumn["ofGroup"]): Value {
  const known = values.filter((value) => value !== undefined);
  if (known.length === 0) return undefined;
  const sorted = [...known].sort((one, other) => (one < other ? -1 : one > other ? 1 : 0));
  if (typeof sorted[0] === "string" || how === "least") return sorted[0];
  return how === "sum" ? (known as number[]).reduce((sum, value) => sum + value, 0) : sorted.at(-1);
}

function number(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

/** The name of the asset of a row, for exports. */
export function assetName(row: InstrumentRow): string {
  return names.of(row.base);
}
