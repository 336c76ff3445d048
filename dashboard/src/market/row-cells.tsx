// The contents of the cells of the market table.
import { memo, useSyncExternalStore } from "react";
import { useAddress } from "../browser/address";
import { fullTimeText, secondText } from "../browser/times";
import { directionOf, formatChange, formatVolume, sourceName } from "../rates/figures";
import { formatAge, type Freshness } from "../rates/freshness";
import { CONSENSUS } from "../rates/lead-rule";
import { missingText, missingWord } from "../rates/missing-words";
import { writeNumber } from "../rates/notation";
import { formatFigure } from "../rates/significant";
import { formatSpread } from "../rates/spread";
import type { InstrumentRow } from "../stores/instrument-row";
import { clock, names } from "../stores/session";
import { useFlash } from "./flash";
import type { Change } from "./headline";
import { isSuspect } from "./suspect";
import { codeName, leadName } from "./lead-name";
import { instrumentLink } from "./links";
import { changeOf, viewOf, volumeOf } from "./present";
import { Sparkline } from "./sparkline";
import { Star } from "./star";

/** How long a row says that another price leads it now. */
const TOLD_MS = 20_000;

interface RowProps {
  row: InstrumentRow;
}

export function InstrumentCell({ row }: RowProps) {
  const suspects = [...row.missing.values()].filter(isSuspect);
  // Names arrive after the rows, which are not sorted again then.
  const asset = useSyncExternalStore(names.onChange, () => names.of(row.base));
  return (
    <InstrumentName
      symbol={row.symbol}
      asset={asset}
      via={leadName(viewOf(row).headline)}
      suspects={suspects.map(({ source }) => sourceName(source?.code ?? "")).join(", ")}
      reasons={suspects.map(({ message }) => message).join("\n")}
    />
  );
}

interface NameProps {
  symbol: string;
  asset: string;
  /** Whose price leads the row. */
  via: string;
  /** The sources that may mean another asset by the code of the row; "" without one. Their prices are left out. */
  suspects: string;
  reasons: string;
}

/** Seldom changes, while the figures of its row do four times a second. */
const InstrumentName = memo(function InstrumentName({ symbol, asset, via, suspects, reasons }: NameProps) {
  // The link holds the rest of the address.
  useAddress();
  const [base, quote] = symbol.split("/");
  return (
    <>
      <Star symbol={symbol} />
      <a className="instrument" tabIndex={-1} {...instrumentLink(symbol)}>
        <span className="symbol">
          {base}
          <span className="soft">/{quote}</span>
        </span>
        <span className="asset">{asset}</span>
        <span className="via">{via}</span>
        {suspects !== "" && (
          <span className="suspect" title={reasons}>
            <span aria-hidden="true">⚠ </span>
            {`suspect: ${suspects}`}
          </span>
        )}
      </a>
    </>
  );
});

interface FigureProps {
  price: string;
  decimals: number;
  direction: "up" | "down" | null;
  moves: number;
  freshness: Freshness;
}

/** A price in the digits of its row, with the exact one as its title; it flashes when it changes. */
const PriceFigure = memo(function PriceFigure({ price, decimals, direction, moves, freshness }: FigureProps) {
  const element = useFlash(moves, direction);
  return (
    <span ref={element} className="price" data-direction={direction ?? undefined} data-freshness={freshness === "FRESH" ? undefined : freshness} title={price}>
      {formatFigure(price, decimals)}
    </span>
  );
});

export function PriceCell({ row }: RowProps) {
  const { headline, decimals } = viewOf(row);
  if (headline !== null) {
    const { from, price, direction, moves, freshness } = headline;
    // Another lead is another figure: the difference between two sources is no move.
    return <PriceFigure key={from} price={price} decimals={decimals} direction={direction} moves={moves} freshness={freshness} />;
  }
  const [missing] = row.missing.values();
  return (
    <span className="soft" title={missing && missingText(missing)}>
      {missing && missingWord(missing)}
    </span>
  );
}

/** Whose price it is. It says so for a while when that has changed. */
export function LeadCell({ row }: RowProps) {
  const { headline } = viewOf(row);
  if (headline === null) return <span className="soft">–</span>;
  const { from, before, sinceMs, diverged } = headline;
  const isNew = before !== null && Date.now() - sinceMs < TOLD_MS;
  const told = before === null ? "" : `Since ${secondText(sinceMs)}; before: ${codeName(before)}. `;
  const meaning = from === CONSENSUS ? `The middle price of ${headline.sources} exchanges${diverged ? ", which differ by more than 50 bps" : ""}` : `The price of ${sourceName(from)}: there is no consensus of exchanges`;
  return (
    <span className="lead" data-new={isNew || undefined} title={`${told}${meaning}`}>
      {isNew && <span className="unseen">changed: </span>}
      {diverged && <span aria-hidden="true">≠ </span>}
      {leadName(headline)}
    </span>
  );
}

export function ChangeCell({ row, span }: RowProps & { span: "1h" | "24h" | "7d" }) {
  const change = changeOf(row, span);
  if (change === null) return <span className="soft" title="Not known: the history does not reach back so far">–</span>;
  return <ChangeFigure {...change} />;
}

const ChangeFigure = memo(function ChangeFigure({ percent, source, isPublished }: Change) {
  const origin = isPublished ? `as ${sourceName(source)} publishes it` : `by the trades of ${sourceName(source)}`;
  return (
    <span data-direction={directionOf(percent)} title={`${percent} %, ${origin}`}>
      {formatChange(percent)}
    </span>
  );
});

export function SparkCell({ row }: RowProps) {
  return row.summary === null ? <span className="soft">–</span> : <Sparkline summary={row.summary} />;
}

export function VolumeCell({ row }: RowProps) {
  const volume = volumeOf(row);
  if (volume === null) return <span className="soft" title="No exchange publishes it, or its quote asset has no value in USD at present">–</span>;
  const parts = [`${writeNumber(volume.usd)} USD in 24 hours at ${volume.sources.map(sourceName).join(", ")}`, volume.words];
  return (
    <span className="soft" title={parts.filter(Boolean).join("; ")}>
      {formatVolume(volume.usd)}
    </span>
  );
}

export function SpreadCell({ row }: RowProps) {
  const { spread } = viewOf(row);
  if (spread === null) return <span className="soft" title="Fewer than two exchanges have a fresh price">–</span>;
  const [low, high] = [spread.low, spread.high].map(([source, price]) => `${sourceName(source)} ${price}`);
  return <span title={`${low} to ${high}`}>{formatSpread(spread.bps)}</span>;
}

export function AgeCell({ row }: RowProps) {
  const { headline } = viewOf(row);
  if (headline === null) return <span className="soft">–</span>;
  const { from, observedAtMs, freshness } = headline;
  const what = from === CONSENSUS ? "The oldest price in it was observed" : `Observed by ${sourceName(from)}`;
  return (
    <span className="age" data-freshness={freshness} title={`${what} at ${fullTimeText(observedAtMs)}`}>
      {formatAge(clock.ageMs(observedAtMs, Date.now()))}
      {freshness !== "FRESH" && <span className="unseen"> {freshness.toLowerCase()}</span>}
    </span>
  );
}

export function SourceCell({ row, source }: RowProps & { source: string }) {
  const quote = row.quotes.get(source);
  if (quote === undefined) {
    const missing = row.missing.get(source);
    if (missing !== undefined && isSuspect(missing)) {
      return (
        <span className="suspect" title={missing.message}>
          suspect
        </span>
      );
    }
    return (
      <span className="soft" title={missing && missingText(missing)}>
        {missing === undefined ? "" : "–"}
      </span>
    );
  }
  const nowMs = Date.now();
  const freshness = row.freshness(quote, clock, nowMs);
  return (
    <span className="quote" data-freshness={freshness}>
      <PriceFigure price={quote.rate.price} decimals={viewOf(row).decimals} direction={quote.direction} moves={quote.moves} freshness="FRESH" />
      {freshness !== "FRESH" && <span className="unseen">{` ${freshness.toLowerCase()}, ${formatAge(clock.ageMs(quote.observedAtMs, nowMs))} old`}</span>}
    </span>
  );
}
