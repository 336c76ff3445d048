// The rates of all sources for the instrument, side by side, with their distance from the consensus.
import { directionOf, formatChange, formatPrice, formatVolume, sourceName } from "../rates/figures";
import { formatAge } from "../rates/freshness";
import { Price, isSuspect } from "../market/cells";
import type { InstrumentRow } from "../stores/instrument-row";
import { clock } from "../stores/session";
import type { Consensus } from "./instrument-feed";
import type { InstrumentRate } from "./instrument-rate";
import { lineColour } from "../chart/colours";

interface Props {
  row: InstrumentRow<InstrumentRate>;
  sources: readonly string[];
  consensus: Consensus | null;
}

export function Quotes({ row, sources, consensus }: Props) {
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label="Rates by source">
      <table className="figures">
        <thead>
          <tr>
            <th scope="col">Source</th>
            <th scope="col">Price</th>
            <th scope="col">Age</th>
            <th scope="col">Off consensus</th>
            <th scope="col">24 h</th>
            <th scope="col">Bid</th>
            <th scope="col">Ask</th>
            <th scope="col">24 h low</th>
            <th scope="col">24 h high</th>
            <th scope="col">24 h volume</th>
          </tr>
        </thead>
        <tbody>
          {sources.map((source, index) => (
            <tr key={source}>
              <th scope="row">
                <span className="swatch" aria-hidden="true" style={{ background: lineColour(index) }} />
                {sourceName(source)}
              </th>
              <QuoteCells row={row} source={source} consensus={consensus} />
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function QuoteCells({ row, source, consensus }: { row: InstrumentRow<InstrumentRate>; source: string; consensus: Consensus | null }) {
  const quote = row.quotes.get(source);
  if (quote === undefined) {
    const missing = row.missing.get(source);
    return (
      <td colSpan={9}>
        {missing !== undefined && isSuspect(missing) && <span className="suspect">suspect identity</span>} {missing?.message ?? "not available"}
      </td>
    );
  }
  const { rate } = quote;
  const nowMs = Date.now();
  const freshness = row.freshness(quote, clock, nowMs);
  const part = consensus?.contributions.find((each) => each.source.code === source);
  return (
    <>
      <td>
        <Price quote={quote} />
      </td>
      <td>
        <span className="age" data-freshness={freshness} title={`${rate.observedAt}, ${rate.observedAtOrigin === "SOURCE" ? "the source's time" : "our time of arrival"}`}>
          {formatAge(clock.ageMs(quote.observedAtMs, nowMs))}
          {freshness !== "FRESH" && ` ${freshness.toLowerCase()}`}
        </span>
      </td>
      <td title={part?.message ?? undefined}>{part === undefined ? "–" : offConsensus(part)}</td>
      <td data-direction={directionOf(rate.changePercent24h)}>{rate.changePercent24h === null ? "–" : formatChange(rate.changePercent24h)}</td>
      {[rate.bid, rate.ask, rate.low24h, rate.high24h].map((price, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: four cells, always in this order
        <td key={place}>{price === null ? "–" : formatPrice(price)}</td>
      ))}
      <td>{rate.volume24h === null ? "–" : `${formatVolume(Number(rate.volume24h))} ${row.base}`}</td>
    </>
  );
}

function offConsensus({ included, deviationBps, exclusion }: Consensus["contributions"][number]): string {
  if (!included) return `left out: ${(exclusion ?? "").toLowerCase().replaceAll("_", " ")}`;
  return deviationBps === null ? "–" : signedBps(deviationBps);
}

export function signedBps(bps: number): string {
  const text = Math.abs(bps).toFixed(1);
  const sign = text === "0.0" ? "" : bps > 0 ? "+" : "−";
  return `${sign}${text} bps`;
}
