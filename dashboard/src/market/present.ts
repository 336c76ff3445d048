// The rules of the rows of all views, with the state of this page.
import type { InstrumentRow } from "../stores/instrument-row";
import { clock, health, leads, usdRates } from "../stores/session";
import { decimalsOf, findChange, findHeadline, findSpread, findVolume, type Change, type Headline, type Spread, type Volume } from "./headline";

export interface RowView {
  headline: Headline | null;
  spread: Spread | null;
  decimals: number;
}

/** All cells of a row read it within one frame. */
const KEPT_MS = 200;
const kept = new WeakMap<InstrumentRow, { version: number; atMs: number; view: RowView }>();

export function viewOf(row: InstrumentRow): RowView {
  const nowMs = Date.now();
  const last = kept.get(row);
  if (last !== undefined && last.version === row.version && nowMs - last.atMs < KEPT_MS) return last.view;
  const { exchanges, order } = health;
  const view = {
    headline: findHeadline(row, { order, exchanges, clock, nowMs, leads }),
    spread: findSpread(row, { exchanges, clock, nowMs }),
    decimals: decimalsOf(row, exchanges),
  };
  kept.set(row, { version: row.version, atMs: nowMs, view });
  return view;
}

export interface UsdVolume extends Volume {
  usd: number;
  /** How the quote asset was valued, for people. */
  words: string;
}

/** Null where no exchange publishes a volume, or the quote asset has no value in USD at present. */
export function volumeOf(row: InstrumentRow): UsdVolume | null {
  const volume = findVolume(row, health.exchanges);
  const rate = usdRates.of(row.quote);
  return volume === null || rate === null ? null : { ...volume, usd: volume.amount * rate.rate, words: rate.words };
}

export function changeOf(row: InstrumentRow, span: "1h" | "24h" | "7d"): Change | null {
  return findChange(row, span, health.order);
}
