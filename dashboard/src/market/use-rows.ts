// React hooks for the rows of the market: selection, sorting and rendering.
import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import type { Address } from "../browser/address";
import { useRemembered } from "../browser/remembered";
import type { MarketRateFragment } from "../graphql/generated";
import { onSecondHand } from "../live/second-hand";
import { type Freshness, formatAge } from "../rates/freshness";
import type { InstrumentRow } from "../stores/instrument-row";
import type { MarketStore } from "../stores/market-store";
import { clock, health, market, names, usdRates } from "../stores/session";
import { favourites } from "./favourites";
import { isOrderHeld } from "./held-order";
import { viewOf, volumeOf } from "./present";
import { type Ranking, useRanking } from "./ranked-search";
import { parseSearch } from "./search-query";
import { select } from "./selection";
import { symbolsOf, watchlists } from "./watchlists";

type Rows = Pick<MarketStore<never>, "onRow" | "sources">;

/** Rows that change places four times a second are not readable. */
const REORDER_MS = 2_000;
/** The first rows wait so long at most for what their order depends on: shown before, they would change places. */
const ORDER_WAIT_MS = 1_000;

export interface Chosen {
  rows: InstrumentRow[];
  ranking: Ranking | null;
  /** Whether their order is known. */
  isOrdered: boolean;
}

/** The selected rows; a new array whenever they are sorted again. While the viewer is on a row they keep their places. */
export function useChosenRows({ search, list, shared, sort, descending }: Address): Chosen {
  const shape = useSyncExternalStore(market.onShape, () => market.shape);
  const named = useSyncExternalStore(names.onChange, () => names.version);
  const marked = useRemembered(favourites);
  const lists = useRemembered(watchlists);
  const turn = useTurns(sort !== "symbol");
  const isOrdered = useIsOrdered(shape > 0) || sort === "symbol";
  // A click on a heading sorts at once.
  const order = `${turn} ${sort} ${descending}`;
  const sorted = useRef<{ order: string; rows: InstrumentRow[] }>({ order, rows: [] });
  const query = useMemo(() => parseSearch(search), [search]);
  const ranking = useRanking(query);
  const rows = useMemo(() => {
    void [shape, named, marked, lists];
    const only = shared !== null ? new Set(shared.symbols) : list !== null ? symbolsOf(list) : null;
    const chosen = select(market.rows.values(), { search, names, only, ranking, freshnessOf: freshnessAt(Date.now()) });
    // A star or a name that arrives is no reason to sort again.
    const { current } = sorted;
    return current.order === order && isSame(current.rows, chosen) ? current.rows : chosen;
  }, [shape, named, order, search, list, shared, marked, lists, ranking]);
  useEffect(() => {
    sorted.current = { order, rows };
  }, [order, rows]);
  return { rows, ranking, isOrdered };
}

/** Volumes, the first order of all, need the exchanges and the values of their quote assets. */
function useIsOrdered(hasRows: boolean): boolean {
  const isLoaded = useSyncExternalStore(usdRates.onLoaded, () => usdRates.isLoaded);
  const hasExchanges = useSyncExternalStore(health.onChange, () => health.exchanges.length > 0);
  const [hasWaited, setWaited] = useState(false);
  useEffect(() => {
    if (!hasRows) return;
    const timer = window.setTimeout(() => setWaited(true), ORDER_WAIT_MS);
    return () => window.clearTimeout(timer);
  }, [hasRows]);
  return hasWaited || (isLoaded && hasExchanges);
}

function isSame(before: readonly InstrumentRow[], rows: readonly InstrumentRow[]): boolean {
  return before.length === rows.length && before.every((row, index) => row === rows[index]);
}

function freshnessAt(nowMs: number): (row: InstrumentRow, source: string) => Freshness | null {
  return (row, source) => {
    const quote = row.quotes.get(source);
    return quote === undefined ? null : row.freshness(quote, clock, nowMs);
  };
}

function useTurns(isMoving: boolean): number {
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (!isMoving) return;
    const timer = window.setInterval(() => document.hidden || isOrderHeld() || setTurn((count) => count + 1), REORDER_MS);
    return () => window.clearInterval(timer);
  }, [isMoving]);
  return turn;
}

/** Renders the caller again when the row changes, or when the text or colour of an age in it changes. */
export function useRow<Item extends MarketRateFragment>(row: InstrumentRow<Item>, store: Rows = market): void {
  useFace(row, store, () => faceOf(row));
}

/** The same for the figures of the market table. */
export function useMarketRow<Item extends MarketRateFragment>(row: InstrumentRow<Item>, store: Rows = market): void {
  useFace(row, store, () => marketFaceOf(row));
}

function useFace<Item extends MarketRateFragment>(row: InstrumentRow<Item>, store: Rows, face: () => string): void {
  const subscribe = useCallback(
    (listener: () => void) => {
      const ends = [store.onRow(row.symbol, listener), onSecondHand(listener)];
      return () => {
        for (const end of ends) end();
      };
    },
    [row, store],
  );
  useSyncExternalStore(subscribe, face);
}

function faceOf(row: InstrumentRow): string {
  const nowMs = Date.now();
  let face = `${row.version}`;
  for (const quote of row.quotes.values()) {
    const freshness = row.freshness(quote, clock, nowMs);
    face += ` ${freshness} ${formatAge(clock.ageMs(quote.observedAtMs, nowMs))}`;
  }
  return face;
}

/** What a row of the table shows of the passage of time: its lead, that one's age, the value of its quote asset, and the colour of every price. */
export function marketFaceOf(row: InstrumentRow): string {
  const nowMs = Date.now();
  const { headline, spread } = viewOf(row);
  let face = `${row.version} ${spread === null} ${volumeOf(row)?.words}`;
  if (headline !== null) face += ` ${headline.from} ${headline.freshness} ${formatAge(clock.ageMs(headline.observedAtMs, nowMs))}`;
  for (const quote of row.quotes.values()) face += ` ${row.freshness(quote, clock, nowMs)}`;
  return face;
}
