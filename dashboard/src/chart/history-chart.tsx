// The chart of one source's history, with its legend, its states in words, and its candles as a table.
import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useSyncExternalStore } from "react";
import { useRemembered } from "../browser/remembered";
import type { ChartAddress } from "../browser/chart-address";
import { theme } from "../browser/theme";
import { useMedia } from "../browser/use-media";
import { onSecondHand } from "../live/second-hand";
import { keepWhileVisible } from "../live/visibility";
import { sourceName } from "../rates/figures";
import { clock, connection, gateway } from "../stores/session";
import { CandleTable } from "./candle-table";
import { ChartTools } from "./chart-tools";
import { HistoryLegend } from "./history-legend";
import { problemText } from "./history-problem";
import { HistoryView } from "./history-view";
import { summarise } from "./summary";
import { isDaily, intervalWords } from "./time-frames";
import { inView } from "./view-range";
import type { ViewState } from "./view-state";

interface Props {
  symbol: string;
  address: ChartAddress;
  sources: readonly string[];
  isFull: boolean;
  onFull(isFull: boolean): void;
}

export function HistoryChart({ symbol, address, sources, isFull, onFull }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const view = useMemo(() => new HistoryView(gateway.client, clock, symbol), [symbol]);
  const state = useSyncExternalStore(view.onChange, view.read);
  const isStill = useMedia("(prefers-reduced-motion: reduce)");
  usePainted(view);
  useEffect(() => (place.current === null ? undefined : view.mount(place.current, isStill)), [view, isStill]);
  useEffect(() => view.follow(address), [view, address, isStill]);
  useEffect(() => keepWhileVisible(view), [view]);
  useEffect(() => followConnection(view), [view]);
  useEffect(() => (place.current === null ? undefined : holdWheel(place.current, view)), [view]);
  const described = useId();
  const shown = inView(state.candles, state.visible);
  return (
    <>
      <ChartTools address={address} range={state.frame} sources={sources} answering={state.source} isFull={isFull} onFull={onFull} view={view} />
      <HistoryLegend symbol={symbol} state={state} kind={address.kind} isPercent={address.compare !== null} />
      <div className="chart-frame" data-phase={state.phase}>
        <div
          ref={place}
          className="chart"
          role="application"
          tabIndex={0}
          aria-label={`Chart of ${symbol}. Arrow keys move by candles, plus and minus zoom, Home and End move to the earliest and the newest.`}
          aria-describedby={described}
          onKeyDown={(event) => onKey(event, view)}
          onBlur={() => view.unpoint()}
        />
        <ChartStatus state={state} symbol={symbol} onRetry={() => view.hurry()} />
      </div>
      <p className="unseen" id={described}>
        {summarise(symbol, state, shown)}
      </p>
      <p className="unseen" role="status">
        {state.spoken}
      </p>
      <p className="marks">
        <span>{`${address.kind === "candles" ? "Candles" : "Closing prices"} of ${intervalWords(state.interval)}.`}</span>
        <span>
          <span className="mark unknown" aria-hidden="true" /> not recorded
        </span>
        <span>
          <span className="mark partial" aria-hidden="true" /> recorded in part
        </span>
        {linesText(address, state).map((text) => (
          <span key={text}>{text}</span>
        ))}
      </p>
      <CandleTable symbol={symbol} candles={shown} isDaily={isDaily(state.interval)} />
    </>
  );
}

/** What the further lines mean, and why one is missing. */
function linesText({ compare, spread }: ChartAddress, { overlays, spreadProblem }: ViewState): string[] {
  const texts: string[] = [];
  if (compare !== null) texts.push("Changes in percent from the left edge.");
  if (spread) texts.push("Below: the distance between the closes of the sources.");
  for (const { key, symbol, problem } of overlays) if (problem !== null) texts.push(`${key === "consensus" ? "Consensus" : symbol}: ${problemText(problem, true)}`);
  if (spreadProblem !== null) texts.push(`Between sources: ${problemText(spreadProblem, true)}`);
  return texts;
}

/** What the chart cannot show, in words, over the chart or below it. */
function ChartStatus({ state, symbol, onRetry }: { state: ViewState; symbol: string; onRetry(): void }) {
  const { phase, problem, isLoadingMore, source, candles } = state;
  if (phase === "failed" && problem !== null) {
    return (
      <div className="chart-status" role="status">
        <p>{problemText(problem, false)}</p>
        {problem.kind !== "refused" && (
          <button type="button" onClick={onRetry}>
            Try now
          </button>
        )}
      </div>
    );
  }
  if (phase === "empty") {
    const who = source === null ? "" : ` by ${sourceName(source)}`;
    return (
      <div className="chart-status" role="status">
        <p>{`No trades of ${symbol}${who} are recorded yet. The chart begins with the first ones; “Live” shows the rates meanwhile.`}</p>
      </div>
    );
  }
  if (phase === "loading") {
    return (
      <div className={candles.length === 0 ? "chart-status" : "chart-note"} role="status">
        <p>Loading the history…</p>
      </div>
    );
  }
  const note = problem !== null ? problemText(problem, true) : isLoadingMore ? "Loading more…" : null;
  return note === null ? null : (
    <div className="chart-note" role="status">
      <p>{note}</p>
    </div>
  );
}

function usePainted(view: HistoryView): void {
  const isDark = useMedia("(prefers-color-scheme: dark)");
  const isForced = useMedia("(forced-colors: active)");
  const chosen = useRemembered(theme);
  useEffect(() => view.paint(), [view, isDark, isForced, chosen]);
}

/** Reads the history again as soon as the connection is back. */
function followConnection(view: HistoryView): () => void {
  let wasLive = connection.read().phase === "live";
  const ends = [
    connection.onChange(() => {
      const isLive = connection.read().phase === "live";
      if (isLive && !wasLive) view.hurry();
      wasLive = isLive;
    }),
    onSecondHand(() => view.onSecondHand(connection.read().phase === "live")),
  ];
  return () => {
    for (const end of ends) end();
  };
}

/** The wheel scrolls the page, until the viewer has clicked into the chart or holds Ctrl; sideways it moves the chart. */
function holdWheel(place: HTMLElement, view: HistoryView): () => void {
  const onWheel = (event: WheelEvent) => {
    const isTaken = place.contains(document.activeElement) || event.ctrlKey || event.metaKey || document.fullscreenElement !== null;
    if (isTaken || Math.abs(event.deltaX) > Math.abs(event.deltaY)) view.noteGesture();
    else event.stopPropagation();
  };
  const onPointer = (event: PointerEvent) => {
    if (event.type === "pointerdown") place.focus({ preventScroll: true });
    if (event.type !== "pointermove" || event.buttons !== 0) view.noteGesture();
  };
  const pointerEvents = ["pointerdown", "pointermove", "pointerup"] as const;
  place.addEventListener("wheel", onWheel, { capture: true, passive: true });
  for (const name of pointerEvents) place.addEventListener(name, onPointer, true);
  return () => {
    place.removeEventListener("wheel", onWheel, true);
    for (const name of pointerEvents) place.removeEventListener(name, onPointer, true);
  };
}

const KEYS: Record<string, (view: HistoryView, isFast: boolean) => void> = {
  ArrowLeft: (view, isFast) => (isFast ? view.pan(-0.25) : view.step(-1)),
  ArrowRight: (view, isFast) => (isFast ? view.pan(0.25) : view.step(1)),
  PageUp: (view) => view.pan(-0.9),
  PageDown: (view) => view.pan(0.9),
  Home: (view) => view.showEarliest(),
  End: (view) => view.showNow(),
  "+": (view) => view.zoom(1),
  "=": (view) => view.zoom(1),
  "-": (view) => view.zoom(-1),
};

function onKey(event: KeyboardEvent, view: HistoryView): void {
  const act = KEYS[event.key];
  if (act === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act(view, event.shiftKey);
}
