// Detailed figures of the sources.
import { useRef, useSyncExternalStore } from "react";
import { useCutEdge } from "../browser/cut-edge";
import { onSecondHand } from "../live/second-hand";
import { sourceName } from "../rates/figures";
import { formatAge } from "../rates/freshness";
import { clock } from "../stores/session";
import { writeNumber } from "../rates/notation";
import type { Health, SourceStatus } from "../stores/source-health";
import { SourceHistory } from "./history";
import { lagText, listText, meaningText, stoppedText } from "./state-words";
import { Suspects } from "./suspects";

export default function SourcePanel({ sources, isKnown }: Health) {
  const scroller = useRef<HTMLDivElement>(null);
  useCutEdge(scroller);
  const told = sources.flatMap((source) => ({ code: source.source.code, text: meaningText(source) })).filter(({ text }) => text !== null);
  return (
    <div ref={scroller} className="source-panel" tabIndex={0} role="region" aria-label="Figures of the sources">
      {!isKnown && <p className="reasons">There is no connection: these figures are the last that arrived.</p>}
      {told.length > 0 && (
        <ul className="reasons">
          {told.map(({ code, text }) => (
            <li key={code}>
              <b>{sourceName(code)}</b> {text}
            </li>
          ))}
        </ul>
      )}
      <div className="source-tables">
        <table>
          <thead>
            <tr>
              <th scope="col">Source</th>
              <th scope="col">Last price</th>
              <th scope="col" title="From the time of the last price at the source to its arrival here">
                Delay
              </th>
              <th scope="col">Per minute</th>
              <th scope="col">Fresh prices</th>
              <th scope="col" title="Instruments for which nothing new comes, although the source sends others">
                Stopped alone
              </th>
              <th scope="col" title="Instruments whose price may be of another asset">
                Suspect identity
              </th>
              <th scope="col" title="Values that cannot be prices">
                Left out
              </th>
              <th scope="col" title="How often the connection to the source was lost and made again">
                Interruptions
              </th>
              <th scope="col" title="How often this server may still ask the source, within its limit">
                Requests left
              </th>
            </tr>
          </thead>
          <tbody>
            {sources.map((source) => (
              <tr key={source.source.code}>
                <th scope="row">{sourceName(source.source.code)}</th>
                <td>
                  <Since moment={source.lastTickerAt} />
                </td>
                <td>{lagText(source.lagMs)}</td>
                <td>{writeNumber(source.tickersPerMinute)}</td>
                <td title={`${source.seenCount} of ${source.trackedCount} have had a price`}>{`${source.freshCount} of ${source.trackedCount}`}</td>
                <td title={source.silent.join(", ") || undefined}>{stoppedText(source)}</td>
                <td title={source.suspects.join(", ") || undefined}>
                  {source.suspectCount === 0 ? "none" : <span className="suspect">{listText(source.suspects, source.suspectCount)}</span>}
                </td>
                <td>{writeNumber(source.refusedCount)}</td>
                <td>{writeNumber(source.reconnectCount)}</td>
                <td>{source.budget === null ? "no limit" : `${writeNumber(source.budget.remaining)} of ${writeNumber(source.budget.limit)}`}</td>
              </tr>
            ))}
          </tbody>
        </table>
        <SourceHistory sources={sources.map(({ source }) => source.code)} />
      </div>
      <Suspects sources={sources} />
      <Reports sources={sources} />
    </div>
  );
}

/** For whoever runs the server: the reasons as its processes report them. */
function Reports({ sources }: { sources: readonly SourceStatus[] }) {
  const reported = sources.filter(({ reason }) => reason !== null);
  if (reported.length === 0) return null;
  return (
    <details className="reports">
      <summary>For the operator</summary>
      <ul>
        {reported.map(({ source, reason }) => (
          <li key={source.code}>
            <b>{sourceName(source.code)}</b> {reason}
          </li>
        ))}
      </ul>
    </details>
  );
}

function Since({ moment }: { moment: string | null }) {
  const text = useSyncExternalStore(onSecondHand, () => (moment === null ? "never" : `${formatAge(clock.ageMs(Date.parse(moment), Date.now()))} ago`));
  return <>{text}</>;
}
