// React hooks for the rows of the market: selection, sorting and rendering.
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import type { Address } from "../browser/address";
import { onSecondHand } from "../live/second-hand";
import { formatAge } from "../rates/freshness";
import { useRemembered } from "../browser/remembered";
import { clock, market, names } from "../stores/session";
import { favourites } from "./favourites";
import type { MarketRateFragment } from "../graphql/generated";
import type { InstrumentRow } from "../stores/instrument-row";
import { leadOf } from "./lead";
import type { MarketStore } from "../stores/market-store";
import { select } from "./selection";

type Rows = Pick<MarketStore<never>, "onRow" | "sources">;

/** Rows that change places four times a second are not readable. */
const REORDER_MS = 2_000;

/** The selected rows; a new array whenever they are sorted again. */
export function useChosenRows({ search, favouritesOnly, sort }: Address): InstrumentRow[] {
  const shape = useSyncExternalStore(market.onShape, () => market.shape);
  const named = useSyncExternalStore(names.onChange, () => names.version);
  const marked = useRemembered(favourites);
  const turn = useTurns(sort !== "symbol");
  const only = favouritesOnly ? marked : null;
  return useMemo(() => {
    void [shape, named, turn];
    return select(market.rows.values(), search, names, only);
  }, [shape, named, turn, search, only]);
}

function useTurns(isMoving: boolean): number {
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (!isMoving) return;
    const timer = window.setInterval(() => document.hidden || setTurn((count) => count + 1), REORDER_MS);
    return () => window.clearInterval(timer);
  }, [isMoving]);
  return turn;
}

/** Renders the caller again when the row changes, or when the text or colour of an age in it changes. */
export function useRow<Item extends MarketRateFragment>(row: InstrumentRow<Item>, store: Rows = market): void {
  const subscribe = useCallback(
    (listener: () => void) => {
      const ends = [store.onRow(row.symbol, listener), onSecondHand(listener)];
      return () => {
        for (const end of ends) end();
      };
    },
    [row, store],
  );
  useSyncExternalStore(subscribe, () => faceOf(row, store.sources));
}

function faceOf<Item extends MarketRateFragment>(row: InstrumentRow<Item>, order: readonly string[]): string {
  const nowMs = Date.now();
  const lead = leadOf(row, order);
  let face = `${row.version} ${lead === null ? "" : formatAge(clock.ageMs(lead.observedAtMs, nowMs))}`;
  for (const quote of row.quotes.values()) {
    const freshness = row.freshness(quote, clock, nowMs);
    face += ` ${freshness} ${formatAge(clock.ageMs(quote.observedAtMs, nowMs))}`;
  }
  return face;
}
