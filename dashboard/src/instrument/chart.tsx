// The React component of the live chart.
import { useEffect, useRef } from "react";
import { onSecondHand } from "../live/second-hand";
import { useRemembered } from "../browser/remembered";
import { clock } from "../stores/session";
import { theme } from "../browser/theme";
import { useMedia } from "../browser/use-media";
import { ChartLines } from "./chart-lines";
import type { InstrumentFeed } from "./instrument-feed";

interface Props {
  feed: InstrumentFeed;
  sources: readonly string[];
  /** Number of decimals of the prices. */
  precision: number;
}

export function Chart({ feed, sources, precision }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const lines = useRef<ChartLines>(null);
  const isDark = useMedia("(prefers-color-scheme: dark)");
  const chosen = useRemembered(theme);
  useEffect(() => {
    if (place.current === null) return;
    const chart = new ChartLines(place.current, feed.trail);
    lines.current = chart;
    const ends = [feed.trail.onPoint((line, point) => chart.add(line, point)), onSecondHand(() => chart.passSecond(clock.nowMs(Date.now())))];
    return () => {
      for (const end of ends) end();
      chart.remove();
      lines.current = null;
    };
  }, [feed]);
  useEffect(() => lines.current?.order(sources), [feed, sources]);
  useEffect(() => lines.current?.paint(), [isDark, chosen]);
  useEffect(() => lines.current?.applyPrecision(precision), [precision, sources]);
  return <div ref={place} className="chart" role="img" aria-label="Prices by source since this page was opened. The same figures are in the tables." />;
}
