// The chart of an instrument with its controls: the history of one source, or the live lines of all.
import { useEffect, useRef, useState } from "react";
import type { ChartAddress } from "../browser/chart-address";
import { ChartTools } from "./chart-tools";
import { HistoryChart } from "./history-chart";
import { LiveChart } from "./live-chart";
import type { LivePrice } from "./live-price";
import type { Trail } from "./trail";

export interface ChartPanelProps {
  symbol: string;
  address: ChartAddress;
  /** Sources with rates, in the gateway's order. */
  sources: readonly string[];
  trail: Trail;
  /** Number of decimals of the live prices. */
  precision: number;
  onPrice(listener: (price: LivePrice) => void): () => void;
}

/** Attribute of the panel while it fills the screen. */
const FULL = "data-full";

export default function ChartPanel({ symbol, address, sources, trail, precision, onPrice }: ChartPanelProps) {
  const panel = useRef<HTMLElement>(null);
  const [isFull, setFull] = useFullScreen(panel);
  return (
    <section ref={panel} className="chart-panel" aria-label="Chart" {...{ [FULL]: isFull || undefined }}>
      {address.range === "live" ? (
        <>
          <ChartTools address={address} range="live" sources={sources} answering={null} isFull={isFull} onFull={setFull} view={null} />
          <LiveChart trail={trail} sources={sources} precision={precision} />
          <p className="marks">One line for each source since this page was opened. A line ends where its price became stale.</p>
        </>
      ) : (
        <HistoryChart symbol={symbol} address={address} sources={sources} onPrice={onPrice} isFull={isFull} onFull={setFull} />
      )}
      <p className="credit">
        TradingView Lightweight Charts™ © TradingView, Inc.{" "}
        <a href="https://www.tradingview.com/" rel="noreferrer">
          tradingview.com
        </a>
      </p>
    </section>
  );
}

/** Where the browser has no full screen (as on an iPhone), the panel fills the page. Escape ends both. */
function useFullScreen(panel: React.RefObject<HTMLElement | null>): [boolean, (isFull: boolean) => void] {
  const [isFull, setFull] = useState(false);
  useEffect(() => {
    if (!isFull) return;
    const onChange = () => document.fullscreenElement === null && setFull(false);
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      leave();
      setFull(false);
    };
    document.addEventListener("fullscreenchange", onChange);
    // Before the page takes the key for "back to the market".
    document.addEventListener("keydown", onKeyDown, true);
    return () => {
      document.removeEventListener("fullscreenchange", onChange);
      document.removeEventListener("keydown", onKeyDown, true);
    };
  }, [isFull]);
  const change = (wanted: boolean) => {
    if (!wanted) leave();
    else if (document.fullscreenEnabled) panel.current?.requestFullscreen().catch(() => undefined);
    setFull(wanted);
  };
  return [isFull, change];
}

function leave(): void {
  if (document.fullscreenElement !== null) void document.exitFullscreen();
}
