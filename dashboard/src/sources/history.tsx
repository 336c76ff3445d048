// The last 24 hours of every source: a strip of its states, lag and refusals.
import { useEffect, useState } from "react";
import { type SourceDayQuery, SourceDayDocument, type SourceDayQueryVariables } from "../graphql/generated";
import { useRemembered } from "../browser/remembered";
import { Periodic } from "../live/periodic";
import { type FailedLoad, failedLoad } from "../live/refusal";
import { keepWhileVisible } from "../live/visibility";
import { clockText, zone } from "../browser/times";
import { sourceName } from "../rates/figures";
import { formatAge } from "../rates/freshness";
import { writeNumber } from "../rates/notation";
import { clock, gateway } from "../stores/session";
import { lagOf, recordedMs, refusedOf, segmentsOf, type Segment, type SourceDay, workingPercent } from "./history-figures";
import { lagText, stateWord } from "./state-words";

const DAY_MS = 24 * 3_600_000;
const EVERY_MS = 5 * 60_000;
const RETRY_MS = 15_000;
const WIDTH = 1_000;
const NARROWEST = 2;
/** The share of the day from which on a state lasts all the time, but for seconds. */
const WHOLE = 0.999;
const NEARLY_A_DAY = 0.95;
/** The newest troubles, for those who hear the strip. */
const MOST_SAID = 5;

/** Null: the gateway has no history of the source, or did not answer. */
type Days = ReadonlyMap<string, SourceDay | null>;

export function SourceHistory({ sources }: { sources: readonly string[] }) {
  const days = useDays(sources.join());
  useRemembered(zone);
  return (
    <table className="source-days">
      <caption>Last 24 hours</caption>
      <thead>
        <tr>
          <th scope="col">Source</th>
          <th scope="col">States</th>
          <th scope="col">Working</th>
          <th scope="col">Typical delay</th>
          <th scope="col" title="The delay that 99 of 100 prices do not exceed">
            99 % within
          </th>
          <th scope="col" title="Values that cannot be prices">
            Left out
          </th>
        </tr>
      </thead>
      <tbody>
        {sources.map((source) => (
          <tr key={source}>
            <th scope="row">{sourceName(source)}</th>
            <Day day={days.get(source)} />
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Day({ day }: { day: SourceDay | null | undefined }) {
  if (day === undefined) return <td colSpan={5}>loading…</td>;
  return day === null ? <td colSpan={5}>not available</td> : <DayCells day={day} />;
}

function DayCells({ day }: { day: SourceDay }) {
  const working = workingPercent(day);
  const { p50Ms, p99Ms } = lagOf(day);
  return (
    <>
      <td>
        <StateStrip day={day} />
      </td>
      <td title="Of the time that was recorded">{workingText(working, recordedMs(day))}</td>
      <td>{lagText(p50Ms)}</td>
      <td>{lagText(p99Ms)}</td>
      <td>{writeNumber(refusedOf(day))}</td>
    </>
  );
}

/** "99.8 %"; "100 % of 12 m 05 s" where much of the day was not recorded: the strip beside it is mostly empty then. */
function workingText(percent: number | null, ofMs: number): string {
  if (percent === null) return "not recorded";
  const share = `${writeNumber(percent, percent > 99.9 || percent === 0 ? 0 : 1)} %`;
  return ofMs < NEARLY_A_DAY * DAY_MS ? `${share} of ${formatAge(ofMs)}` : share;
}

function StateStrip({ day }: { day: SourceDay }) {
  const segments = segmentsOf(day);
  const [start, end] = [Date.parse(day.from), Date.parse(day.to)];
  const at = (share: number) => clockText(start + share * (end - start));
  const words = ({ state, start: begins, length }: Segment) => (length > WHOLE ? `${wordOf(state)} all the time` : `${wordOf(state)} ${at(begins)} to ${at(begins + length)}`);
  const troubles = segments.filter(({ state }) => state !== "UP");
  const label = troubles.length === 0 ? "working all the time" : troubles.slice(-MOST_SAID).map(words).join(", ");
  return (
    <svg className="state-strip" viewBox={`0 0 ${WIDTH} 10`} preserveAspectRatio="none" role="img" aria-label={label}>
      {segments.map((segment) => (
        // A minute without a source must not vanish.
        <rect
          key={segment.start}
          data-state={segment.state}
          x={segment.start * WIDTH}
          width={segment.state === "UP" ? segment.length * WIDTH : Math.max(NARROWEST, segment.length * WIDTH)}
          height={segment.state === "UP" ? 4 : 10}
          y={segment.state === "UP" ? 3 : 0}
        >
          <title>{words(segment)}</title>
        </rect>
      ))}
    </svg>
  );
}

/** What nobody recorded is no state of the source. */
function wordOf(state: Segment["state"]): string {
  return state === "UNKNOWN" ? "not recorded" : stateWord(state);
}

/** Read again every five minutes while the page is visible, each source as its answer comes. */
function useDays(sources: string): Days {
  const [days, setDays] = useState<Days>(new Map());
  useEffect(() => {
    const read = async (source: string) => {
      const { day, failed } = await readDay(source, clock.nowMs(Date.now()));
      // A day that was read before says more than an answer that failed.
      setDays((known) => new Map(known).set(source, day ?? known.get(source) ?? null));
      return failed;
    };
    // One after the other: each answer reads a day of minutes from the database.
    const load = async () => {
      let failed: FailedLoad | null = null;
      for (const source of sources.split(",").filter(Boolean)) {
        failed = (await read(source)) ?? failed;
        // The gateway asks to wait: it would refuse the other sources, too.
        if (failed?.retryAfterMs != null) break;
      }
      return failed;
    };
    return keepWhileVisible(new Periodic(load, EVERY_MS, RETRY_MS));
  }, [sources]);
  return days;
}

async function readDay(source: string, toMs: number): Promise<{ day: SourceDay | null; failed: FailedLoad | null }> {
  const variables = { source, from: new Date(toMs - DAY_MS).toISOString(), to: new Date(toMs).toISOString() };
  const { data, error } = await gateway.client.query<SourceDayQuery, SourceDayQueryVariables>(SourceDayDocument, variables as SourceDayQueryVariables).toPromise();
  const day = data?.sourceHistory ?? null;
  return { day, failed: day === null ? failedLoad(error) : null };
}
