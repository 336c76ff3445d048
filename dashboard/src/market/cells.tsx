// Contents of the cells of the market table.
import { useLayoutEffect, useRef } from "react";
import { directionOf, formatChange, formatPrice, formatVolume, sourceName } from "../rates/figures";
import { formatAge } from "../rates/freshness";
import { formatBps } from "../rates/spread";
import { useRemembered } from "../browser/remembered";
import { clock, names } from "../stores/session";
import { favourites, toggleFavourite } from "./favourites";
import type { InstrumentRow, Quote } from "../stores/instrument-row";
import { leadOf, turnover } from "./lead";
import { instrumentLink } from "./links";

const FLASH_MS = 700;
const stillness = window.matchMedia("(prefers-reduced-motion: reduce)");

interface RowProps {
  row: InstrumentRow;
  /** Sources in order of preference; the order of the market by default. */
  order?: readonly string[];
}

/** `isReached`: focusable with the Tab key; in the table the key `f` is used instead. */
export function FavouriteCell({ row, isReached = false }: RowProps & { isReached?: boolean }) {
  const isOne = useRemembered(favourites).has(row.symbol);
  return (
    <button
      type="button"
      className="star"
      tabIndex={isReached ? 0 : -1}
      aria-pressed={isOne}
      aria-label={`Favourite ${row.symbol}`}
      onClick={() => toggleFavourite(row.symbol)}
    >
      {isOne ? "★" : "☆"}
    </button>
  );
}

export function InstrumentCell({ row }: RowProps) {
  const lead = leadOf(row);
  return (
    <a className="instrument" tabIndex={-1} {...instrumentLink(row.symbol)}>
      <span className="symbol">
        {row.base}
        <span className="soft">/{row.quote}</span>
      </span>
      <span className="asset">{names.of(row.base)}</span>
      {lead !== null && <span className="via">{sourceName(lead.rate.source.code)}</span>}
      <SuspectBadge row={row} />
    </a>
  );
}

/** Names the sources that may mean another asset by the code of the row. Their prices are left out. */
function SuspectBadge({ row }: RowProps) {
  const suspects = [...row.missing.values()].filter(isSuspect);
  if (suspects.length === 0) return null;
  const sources = suspects.map(({ source }) => sourceName(source?.code ?? "")).join(", ");
  return (
    <span className="suspect" title={suspects.map(({ message }) => message).join("\n")}>
      <span aria-hidden="true">⚠ </span>
      {`suspect: ${sources}`}
    </span>
  );
}

export function isSuspect({ reason }: { reason: string }): boolean {
  return reason === "SUSPECT_IDENTITY";
}

/** A price that flashes when it changes, with a colour and an arrow for the direction. */
export function Price({ quote }: { quote: Quote }) {
  const element = useRef<HTMLSpanElement>(null);
  const flashed = useRef(quote.moves);
  useLayoutEffect(() => {
    if (flashed.current === quote.moves) return;
    flashed.current = quote.moves;
    if (quote.direction === null || stillness.matches) return;
    const frames = [{ backgroundColor: `var(--flash-${quote.direction})` }, { backgroundColor: "transparent" }];
    element.current?.animate(frames, { duration: FLASH_MS, easing: "ease-out" });
  }, [quote.moves, quote.direction]);
  return (
    <span ref={element} className="price" data-direction={quote.direction ?? undefined} title={quote.rate.price}>
      {formatPrice(quote.rate.price)}
    </span>
  );
}

export function PriceCell({ row }: RowProps) {
  const lead = leadOf(row);
  if (lead !== null) return <Price quote={lead} />;
  const [missing] = row.missing.values();
  return (
    <span className="soft" title={missing?.message}>
      {missing?.reason.toLowerCase().replaceAll("_", " ")}
    </span>
  );
}

export function ChangeCell({ row, order }: RowProps) {
  const percent = leadOf(row, order)?.rate.changePercent24h ?? null;
  return <span data-direction={directionOf(percent)}>{percent === null ? "–" : formatChange(percent)}</span>;
}

export function VolumeCell({ row }: RowProps) {
  const lead = leadOf(row);
  const volume = lead === null ? null : turnover(lead);
  return <span className="soft">{volume === null ? "–" : formatVolume(volume)}</span>;
}

export function SpreadCell({ row }: RowProps) {
  const bps = row.spread(clock, Date.now());
  return <span className={bps === null ? "soft" : undefined}>{bps === null ? "–" : `${formatBps(bps)} bps`}</span>;
}

export function AgeCell({ row, order }: RowProps) {
  const lead = leadOf(row, order);
  if (lead === null) return <span className="soft">–</span>;
  const nowMs = Date.now();
  const freshness = row.freshness(lead, clock, nowMs);
  return (
    <span className="age" data-freshness={freshness} title={`Observed by ${sourceName(lead.rate.source.code)} at ${lead.rate.observedAt}`}>
      {formatAge(clock.ageMs(lead.observedAtMs, nowMs))}
      {freshness !== "FRESH" && <span className="unseen"> {freshness.toLowerCase()}</span>}
    </span>
  );
}

export function SourceCell({ row, source }: RowProps & { source: string }) {
  const quote = row.quotes.get(source);
  if (quote === undefined) {
    const missing = row.missing.get(source);
    if (missing !== undefined && isSuspect(missing)) return <span className="suspect" title={missing.message}>suspect</span>;
    return <span className="soft" title={missing?.message}>{missing === undefined ? "" : "–"}</span>;
  }
  const nowMs = Date.now();
  const freshness = row.freshness(quote, clock, nowMs);
  return (
    <span className="quote" data-freshness={freshness}>
      <Price quote={quote} />
      {freshness !== "FRESH" && <span className="unseen">{` ${freshness.toLowerCase()}, ${formatAge(clock.ageMs(quote.observedAtMs, nowMs))} old`}</span>}
    </span>
  );
}
