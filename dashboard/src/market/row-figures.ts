// The figures of a row of the market table.
import { fullTimeText, secondText } from "../browser/times";
import { directionOf, formatChange, formatVolume, sourceName } from "../rates/figures";
import { formatAge } from "../rates/freshness";
import { CONSENSUS } from "../rates/lead-rule";
import { missingText, missingWord } from "../rates/missing-words";
import { writeNumber } from "../rates/notation";
import { formatFigure } from "../rates/significant";
import { formatSpread } from "../rates/spread";
import type { InstrumentRow } from "../stores/instrument-row";
import { clock } from "../stores/session";
import type { Figure } from "./figure";
import { codeName, leadName } from "./lead-name";
import { changeOf, viewOf, volumeOf } from "./present";
import { isSuspect } from "./suspect";

/** How long a row says that another price leads it now. */
const TOLD_MS = 20_000;

function soft(text: string, title?: string): Figure {
  return { className: "soft", text, title };
}

const NO_PRICE = soft("–", "No source has a price at present");

/** A price in the digits of its row, with the exact one as its title; it flashes when it changes. */
export function priceFigure(row: InstrumentRow): Figure {
  const { headline, decimals } = viewOf(row);
  if (headline !== null) {
    const { from, price, direction, moves, freshness } = headline;
    return {
      className: "price",
      text: formatFigure(price, decimals),
      title: price,
      direction: direction ?? undefined,
      freshness: freshness === "FRESH" ? undefined : freshness,
      // The difference between two sources is no move.
      flash: { of: from, moves, direction },
    };
  }
  const [missing] = row.missing.values();
  return missing === undefined ? soft("") : soft(missingWord(missing), missingText(missing));
}

/** Whose price it is. It says so for a while when that has changed. */
export function leadFigure(row: InstrumentRow): Figure {
  const { headline } = viewOf(row);
  if (headline === null) return NO_PRICE;
  const { from, before, sinceMs, diverged } = headline;
  const isNew = before !== null && Date.now() - sinceMs < TOLD_MS;
  const told = before === null ? "" : `${leadSince(sinceMs, before)}. `;
  const meaning = from === CONSENSUS ? `The middle price of ${headline.sources} exchanges${diverged ? ", which differ by more than 50 bps" : ""}` : `The price of ${sourceName(from)}: there is no consensus of exchanges`;
  return { className: "lead", text: leadName(headline), title: told + meaning, isNew, spokenBefore: isNew ? "changed: " : "", sign: diverged ? "≠ " : "" };
}

/** What led before, while that has changed a short time ago: in words where a title is not enough. Null otherwise. */
export function leadChange(row: InstrumentRow): string | null {
  const { headline } = viewOf(row);
  if (headline === null || headline.before === null || Date.now() - headline.sinceMs >= TOLD_MS) return null;
  return leadSince(headline.sinceMs, headline.before);
}

function leadSince(sinceMs: number, before: string): string {
  return `Since ${secondText(sinceMs)}; before: ${codeName(before)}`;
}

export function changeFigure(row: InstrumentRow, span: "1h" | "24h" | "7d"): Figure {
  const change = changeOf(row, span);
  if (change === null) return soft("–", "Not known: the history does not reach back so far");
  const { percent, source, isPublished } = change;
  const origin = isPublished ? `as ${sourceName(source)} publishes it` : `by the trades of ${sourceName(source)}`;
  return { className: "", text: formatChange(percent), title: `${percent} %, ${origin}`, direction: directionOf(percent) };
}

export function volumeFigure(row: InstrumentRow): Figure {
  const volume = volumeOf(row);
  if (volume === null) return soft("–", "No exchange publishes it, or its quote asset has no value in USD at present");
  const parts = [`${writeNumber(volume.usd)} USD in 24 hours at ${volume.sources.map(sourceName).join(", ")}`, volume.words];
  return soft(formatVolume(volume.usd), parts.filter(Boolean).join("; "));
}

export function spreadFigure(row: InstrumentRow): Figure {
  const { spread } = viewOf(row);
  if (spread === null) return soft("–", "Fewer than two exchanges have a fresh price");
  const [low, high] = [spread.low, spread.high].map(([source, price]) => `${sourceName(source)} ${price}`);
  return { className: "", text: formatSpread(spread.bps), title: `${low} to ${high}` };
}

export function ageFigure(row: InstrumentRow): Figure {
  const { headline } = viewOf(row);
  if (headline === null) return NO_PRICE;
  const { from, observedAtMs, freshness } = headline;
  const what = from === CONSENSUS ? "The oldest price in it was observed" : `Observed by ${sourceName(from)}`;
  return {
    className: "age",
    text: formatAge(clock.ageMs(observedAtMs, Date.now())),
    title: `${what} at ${fullTimeText(observedAtMs)}`,
    freshness,
    spokenAfter: freshness === "FRESH" ? "" : ` ${freshness.toLowerCase()}`,
  };
}

/** The price of a source: the figure, and the freshness of the cell with what is read out of it. Null without a price. */
export function quoteFigure(row: InstrumentRow, source: string): { price: Figure; whole: Figure } | null {
  const quote = row.quotes.get(source);
  if (quote === undefined) return null;
  const nowMs = Date.now();
  const freshness = row.freshness(quote, clock, nowMs);
  const { price } = quote.rate;
  return {
    price: {
      className: "price",
      text: formatFigure(price, viewOf(row).decimals),
      title: price,
      direction: quote.direction ?? undefined,
      flash: { of: source, moves: quote.moves, direction: quote.direction },
    },
    whole: {
      className: "quote",
      text: "",
      freshness,
      spokenAfter: freshness === "FRESH" ? "" : ` ${freshness.toLowerCase()}, ${formatAge(clock.ageMs(quote.observedAtMs, nowMs))} old`,
    },
  };
}

/** What stands where a source has no price. */
export function missingFigure(row: InstrumentRow, source: string): Figure {
  const missing = row.missing.get(source);
  if (missing === undefined) return soft("");
  if (isSuspect(missing)) return { className: "suspect", text: "suspect", title: missing.message };
  return soft("–", missingText(missing));
}
