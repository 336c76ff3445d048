// Detailed figures of the sources.
import { useSyncExternalStore } from "react";
import { onSecondHand } from "../live/second-hand";
import { sourceName } from "../rates/figures";
import { formatAge } from "../rates/freshness";
import { clock } from "../stores/session";
import { writeNumber } from "../rates/notation";
import type { Health } from "../stores/source-health";
import { SourceHistory } from "./history";
import { listText, stoppedText } from "./state-words";
import { Suspects } from "./suspects";

export default function SourcePanel({ sources, isKnown }: Health) {
  const troubled = sources.filter(({ reason }) => reason !== null);
  return (
    <div className="source-panel" tabIndex={0} role="region" aria-label="Figures of the sources">
      {!isKnown && <p className="reasons">There is no connection: these figures are the last that arrived.</p>}
      {troubled.length > 0 && (
        <ul className="reasons">
          {troubled.map(({ source, reason }) => (
            <li key={source.code}>
              <b>{sourceName(source.code)}</b> {reason}
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
              <th scope="col">Lag</th>
              <th scope="col">Per minute</th>
              <th scope="col">Fresh prices</th>
              <th scope="col" title="Instruments for which nothing new comes, although the source sends others">
                Stopped alone
              </th>
              <th scope="col">Suspect identity</th>
              <th scope="col">Refused</th>
              <th scope="col">Reconnects</th>
              <th scope="col">Requests left</th>
            </tr>
          </thead>
          <tbody>
            {sources.map((source) => (
              <tr key={source.source.code}>
                <th scope="row">{sourceName(source.source.code)}</th>
                <td>
                  <Since moment={source.lastTickerAt} />
                </td>
                <td>{source.lagMs === null ? "–" : `${writeNumber(source.lagMs)} ms`}</td>
                <td>{writeNumber(source.tickersPerMinute)}</td>
                <td title={`${source.seenCount} of ${source.trackedCount} have had a price`}>{`${source.freshCount} of ${source.trackedCount}`}</td>
                <td title={source.silent.join(", ") || undefined}>{stoppedText(source)}</td>
                <td title={source.suspects.join(", ") || undefined}>
                  {source.suspectCount === 0 ? "none" : <span className="suspect">{listText(source.suspects, source.suspectCount)}</span>}
                </td>
                <td>{source.refusedCount}</td>
                <td>{source.reconnectCount}</td>
                <td>{source.budget === null ? "no limit" : `${source.budget.remaining} of ${source.budget.limit}`}</td>
              </tr>
            ))}
          </tbody>
        </table>
        <SourceHistory sources={sources.map(({ source }) => source.code)} />
      </div>
      <Suspects sources={sources} />
    </div>
  );
}

function Since({ moment }: { moment: string | null }) {
  const text = useSyncExternalStore(onSecondHand, () => (moment === null ? "never" : `${formatAge(clock.ageMs(Date.parse(moment), Date.now()))} ago`));
  return <>{text}</>;
}
