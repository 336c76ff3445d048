// The chart of an instrument with its controls: the history of one source, or the live lines of all.
import { useEffect, useRef } from "react";
import { goChart } from "../browser/address";
import type { ChartAddress } from "../browser/chart-address";
import { ChartTools } from "./chart-tools";
import { HistoryChart } from "./history-chart";
import { LiveChart } from "./live-chart";
import type { Trail } from "./trail";

export interface ChartPanelProps {
  symbol: string;
  address: ChartAddress;
  /** Sources with rates, in the gateway's order. */
  sources: readonly string[];
  trail: Trail;
  /** Number of decimals of the live prices. */
  precision: number;
}

/** Attribute of the panel while it fills the screen. */
const FULL = "data-full";

export default function ChartPanel({ symbol, address, sources, trail, precision }: ChartPanelProps) {
  const panel = useRef<HTMLElement>(null);
  const { isFull } = address;
  const setFull = useFullScreen(panel, isFull);
  return (
    <section ref={panel} className="chart-panel" aria-label="Chart" {...{ [FULL]: isFull || undefined }}>
      {address.range === "live" ? (
        <>
          <ChartTools address={address} range="live" sources={sources} answering={null} isFull={isFull} onFull={setFull} view={null} />
          <LiveChart trail={trail} sources={sources} precision={precision} />
          <p className="marks">One line for each source since this page was opened, all by the same clock. A line ends where its price became stale. Below: how far the highest source is from the lowest.</p>
        </>
      ) : (
        <HistoryChart symbol={symbol} address={address} sources={sources} isFull={isFull} onFull={setFull} />
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

/** Where the browser has no full screen (as on an iPhone), or a link has asked for it, the panel fills the page. Escape ends both. */
function useFullScreen(panel: React.RefObject<HTMLElement | null>, isFull: boolean): (isFull: boolean) => void {
  useEffect(() => {
    if (!isFull) return;
    let wasWhole = document.fullscreenElement !== null;
    const onChange = () => {
      if (wasWhole && document.fullscreenElement === null) goChart({ isFull: false });
      wasWhole = document.fullscreenElement !== null;
    };
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      goChart({ isFull: false });
    };
    document.addEventListener("fullscreenchange", onChange);
    // Before the page takes the key for "back to the market".
    document.addEventListener("keydown", onKeyDown, true);
    return () => {
      document.removeEventListener("fullscreenchange", onChange);
      document.removeEventListener("keydown", onKeyDown, true);
      if (document.fullscreenElement !== null) void document.exitFullscreen();
    };
  }, [isFull]);
  return (wanted) => {
    if (wanted && document.fullscreenEnabled) panel.current?.requestFullscreen().catch(() => undefined);
    goChart({ isFull: wanted });
  };
}
