// The live chart: a line per source and one for the consensus, since the page was opened.
import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { useRemembered } from "../browser/remembered";
import { theme } from "../browser/theme";
import { useMedia } from "../browser/use-media";
import { onSecondHand } from "../live/second-hand";
import { sourceName } from "../rates/figures";
import { formatFigure } from "../rates/significant";
import { clock } from "../stores/session";
import { lineColour } from "./colours";
import { SourceLines } from "./source-lines";
import { secondText } from "./time-labels";
import { formatBps } from "../rates/spread";
import { CONSENSUS_LINE, SPREAD_LINE, type Trail } from "./trail";

interface Props {
  trail: Trail;
  sources: readonly string[];
  /** Number of decimals of the prices. */
  precision: number;
}

export function LiveChart({ trail, sources, precision }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const lines = useRef<SourceLines>(null);
  const [pointed, setPointed] = useState<number | null>(null);
  const isDark = useMedia("(prefers-color-scheme: dark)");
  const isForced = useMedia("(forced-colors: active)");
  const chosen = useRemembered(theme);
  useEffect(() => {
    if (place.current === null) return;
    const chart = new SourceLines(place.current, trail, setPointed);
    lines.current = chart;
    const ends = [trail.onPoint((line, point) => chart.add(line, point)), onSecondHand(() => chart.passSecond(clock.nowMs(Date.now())))];
    return () => {
      for (const end of ends) end();
      chart.remove();
      lines.current = null;
    };
  }, [trail]);
  useEffect(() => lines.current?.order(sources), [trail, sources]);
  useEffect(() => lines.current?.paint(), [isDark, isForced, chosen]);
  useEffect(() => lines.current?.applyPrecision(precision), [precision, sources]);
  return (
    <>
      <LiveLegend trail={trail} sources={sources} precision={precision} pointed={pointed} />
      <div ref={place} className="chart" role="img" aria-label="Live prices by source since this page was opened. The same figures are in the legend and in the tables." />
    </>
  );
}

/** The price of each line at the crosshair, otherwise now. Not a live region: it would be announced without end. */
function LiveLegend({ trail, sources, precision, pointed }: Props & { pointed: number | null }) {
  const second = useSyncExternalStore(onSecondHand, () => Math.floor(clock.nowMs(Date.now()) / 1000));
  // The labels on the axis change with each point.
  useSyncExternalStore(trail.onPoint, () => trail.version);
  const pointAt = (line: string) => (pointed === null ? trail.newest(line, second) : trail.at(line, pointed));
  const spread = pointAt(SPREAD_LINE);
  return (
    <dl className="legend">
      <div>
        <dt>Time</dt>
        <dd>{pointed === null ? "now" : secondText(pointed * 1000)}</dd>
      </div>
      {[...sources, CONSENSUS_LINE].map((line, index) => {
        const point = pointAt(line);
        const isConsensus = line === CONSENSUS_LINE;
        return (
          <div key={line}>
            <dt>
              <span className={isConsensus ? "swatch dotted" : "swatch"} aria-hidden="true" style={isConsensus ? undefined : { background: lineColour(index) }} />
              {isConsensus ? "Consensus" : sourceName(line)}
            </dt>
            <dd title={point?.price}>{point === undefined ? "–" : `${formatFigure(point.price, precision)}${point.isMid ? " (mid)" : ""}`}</dd>
          </div>
        );
      })}
      <div>
        <dt>
          <span className="swatch thin" aria-hidden="true" />
          Between sources
        </dt>
        <dd>{spread === undefined ? "–" : `${formatBps(spread.value)} bps`}</dd>
      </div>
    </dl>
  );
}
