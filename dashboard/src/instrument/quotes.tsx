// The rates of all sources for the instrument, side by side, with their distance from the consensus.
import { fullTimeText } from "../browser/times";
import { directionOf, formatChange, formatPrice, formatVolume, sourceName } from "../rates/figures";
import { formatAge } from "../rates/freshness";
import { missingText } from "../rates/missing-words";
import { writeDecimal } from "../rates/notation";
import { formatBps } from "../rates/spread";
import { Price, isSuspect } from "../market/cells";
import type { InstrumentRow } from "../stores/instrument-row";
import { clock } from "../stores/session";
import type { Consensus } from "./consensus-state";
import type { InstrumentRate } from "./instrument-rate";
import { lineColour } from "../chart/colours";
import { ScrollBox } from "../browser/scroll-box";

interface Props {
  row: InstrumentRow<InstrumentRate>;
  sources: readonly string[];
  consensus: Consensus | null;
}

export function Quotes({ row, sources, consensus }: Props) {
  return (
    <ScrollBox label="Rates by source">
      <table className="figures">
        <thead>
          <tr>
            <th scope="col">Source</th>
            <th scope="col">Price</th>
            <th scope="col">Age</th>
            <th scope="col">Last trade</th>
            <th scope="col">Off consensus</th>
            <th scope="col">24 h</th>
            <th scope="col">Bid size</th>
            <th scope="col">Bid</th>
            <th scope="col">Ask</th>
            <th scope="col">Ask size</th>
            <th scope="col">Spread</th>
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
    </ScrollBox>
  );
}

function QuoteCells({ row, source, consensus }: { row: InstrumentRow<InstrumentRate>; source: string; consensus: Consensus | null }) {
  const quote = row.quotes.get(source);
  if (quote === undefined) {
    const missing = row.missing.get(source);
    return (
      <td colSpan={13}>
        {missing !== undefined && isSuspect(missing) && <span className="suspect">suspect identity</span>} {missing === undefined ? "not available" : missingText(missing)}
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
        <span className="age" data-freshness={freshness} title={`${fullTimeText(quote.observedAtMs)}, ${rate.observedAtOrigin === "SOURCE" ? "the source's time" : "our time of arrival"}`}>
          {formatAge(clock.ageMs(quote.observedAtMs, nowMs))}
          {freshness !== "FRESH" && ` ${freshness.toLowerCase()}`}
        </span>
      </td>
      <td title={titleOf(rate.lastTradeAt)}>{rate.lastTradeAt === null ? "–" : formatAge(clock.ageMs(Date.parse(rate.lastTradeAt), nowMs))}</td>
      <td title={part?.message ?? undefined}>{part === undefined ? "–" : offConsensus(part)}</td>
      <td data-direction={directionOf(rate.changePercent24h)}>{rate.changePercent24h === null ? "–" : formatChange(rate.changePercent24h)}</td>
      <Exact figure={rate.bidSize} isSoft at={rate.quotedAt} />
      <Exact figure={rate.bid} at={rate.quotedAt} />
      <Exact figure={rate.ask} at={rate.quotedAt} />
      <Exact figure={rate.askSize} isSoft at={rate.quotedAt} />
      <td>{rate.spreadBps === null ? "–" : `${formatBps(rate.spreadBps)} bps`}</td>
      <Exact figure={rate.low24h} />
      <Exact figure={rate.high24h} />
      <td>{rate.volume24h === null ? "–" : `${formatVolume(Number(rate.volume24h))} ${row.base}`}</td>
    </>
  );
}

/** `at`: the time of a quote. */
function Exact({ figure, isSoft = false, at = null }: { figure: string | null; isSoft?: boolean; at?: string | null }) {
  return (
    <td className={isSoft ? "soft" : undefined} title={titleOf(at)}>
      {figure === null ? "–" : formatPrice(figure)}
    </td>
  );
}

function titleOf(time: string | null): string | undefined {
  return time === null ? undefined : fullTimeText(Date.parse(time));
}

function offConsensus({ included, deviationBps, exclusion }: Consensus["contributions"][number]): string {
  if (!included) return `left out: ${(exclusion ?? "").toLowerCase().replaceAll("_", " ")}`;
  return deviationBps === null ? "–" : signedBps(deviationBps);
}

export function signedBps(bps: number): string {
  const text = Math.abs(bps).toFixed(1);
  const sign = text === "0.0" ? "" : bps > 0 ? "+" : "−";
  return `${sign}${writeDecimal(text)} bps`;
}
