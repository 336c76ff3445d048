// The price, change, age and star of one instrument, for its own page.
import { fullTimeText } from "../browser/times";
import { directionOf, formatChange, formatPrice, sourceName } from "../rates/figures";
import { formatAge } from "../rates/freshness";
import { useRemembered } from "../browser/remembered";
import { clock } from "../stores/session";
import { favourites, toggleFavourite } from "./favourites";
import { useFlash } from "./flash";
import type { InstrumentRow, Quote } from "../stores/instrument-row";
import { leadOf } from "./lead";

export { isSuspect } from "./suspect";

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

/** A price that flashes when it changes, with a colour and an arrow for the direction. */
export function Price({ quote }: { quote: Quote }) {
  const element = useFlash(quote.moves, quote.direction);
  return (
    <span ref={element} className="price" data-direction={quote.direction ?? undefined} title={quote.rate.price}>
      {formatPrice(quote.rate.price)}
    </span>
  );
}

export function ChangeCell({ row, order }: RowProps) {
  const percent = leadOf(row, order)?.rate.changePercent24h ?? null;
  return <span data-direction={directionOf(percent)}>{percent === null ? "–" : formatChange(percent)}</span>;
}

export function AgeCell({ row, order }: RowProps) {
  const lead = leadOf(row, order);
  if (lead === null) return <span className="soft">–</span>;
  const nowMs = Date.now();
  const freshness = row.freshness(lead, clock, nowMs);
  return (
    <span className="age" data-freshness={freshness} title={`Observed by ${sourceName(lead.rate.source.code)} at ${fullTimeText(lead.observedAtMs)}`}>
      {formatAge(clock.ageMs(lead.observedAtMs, nowMs))}
      {freshness !== "FRESH" && <span className="unseen"> {freshness.toLowerCase()}</span>}
    </span>
  );
}
