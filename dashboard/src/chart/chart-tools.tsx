// The controls of the chart: time frame, kind, further lines, source, zoom, full screen.
import { goChart } from "../browser/address";
import { CHART_KINDS, CHART_RANGES, type ChartAddress, type ChartKind, type ChartRange } from "../browser/chart-address";
import { sourceName } from "../rates/figures";
import { CompareBox } from "./compare-box";
import type { HistoryView } from "./history-view";
import { frameWords } from "./time-frames";

const KIND_WORD: Record<ChartKind, string> = { candles: "Candles", line: "Line", area: "Area" };

interface Props {
  address: ChartAddress;
  /** The range that is shown. */
  range: ChartRange;
  sources: readonly string[];
  /** The source that the gateway chose. */
  answering: string | null;
  isFull: boolean;
  onFull(isFull: boolean): void;
  /** Null: the live chart, which has no history to move in. */
  view: HistoryView | null;
}

export function ChartTools({ address, range, sources, answering, isFull, onFull, view }: Props) {
  const choose = (chosen: ChartRange) => {
    goChart({ range: chosen, from: null, to: null });
    if (chosen === range) view?.showNow();
  };
  return (
    <div className="chart-tools">
      <div className="choice" role="group" aria-label="Time frame">
        {CHART_RANGES.map((each) => (
          <button key={each} type="button" aria-pressed={each === range} title={each === "live" ? "All sources, live" : `The last ${frameWords(each)}`} onClick={() => choose(each)}>
            {each === "live" ? "Live" : each}
          </button>
        ))}
      </div>
      {view !== null && (
        <>
          <div className="choice" role="group" aria-label="Kind of chart">
            {CHART_KINDS.map((each) => (
              <button key={each} type="button" aria-pressed={each === address.kind} onClick={() => goChart({ kind: each })}>
                {KIND_WORD[each]}
              </button>
            ))}
          </div>
          <div className="choice" role="group" aria-label="Further lines">
            <button type="button" aria-pressed={address.consensus} title="The consensus of all sources" onClick={() => goChart({ consensus: !address.consensus })}>
              Consensus
            </button>
            <button type="button" aria-pressed={address.spread} title="The distance between the sources" onClick={() => goChart({ spread: !address.spread })}>
              Spread
            </button>
          </div>
          <CompareBox compare={address.compare} />
          <select aria-label="Source of the candles" value={address.source ?? ""} onChange={({ target }) => goChart({ source: target.value === "" ? null : target.value })}>
            <option value="">{answering === null || address.source !== null ? "First source" : sourceName(answering)}</option>
            {offered(sources, address.source).filter((each) => address.source !== null || each !== answering).map((each) => (
              <option key={each} value={each}>
                {sourceName(each)}
              </option>
            ))}
          </select>
        </>
      )}
      <div className="choice end" role="group" aria-label="View">
        {view !== null && (
          <>
            <button type="button" aria-label="Zoom out" title="Zoom out (−)" onClick={() => view.zoom(-1)}>
              −
            </button>
            <button type="button" aria-label="Zoom in" title="Zoom in (+)" onClick={() => view.zoom(1)}>
              +
            </button>
            <button type="button" title="Back to the newest (End)" onClick={() => view.showNow()}>
              Now
            </button>
          </>
        )}
        <button type="button" aria-pressed={isFull} aria-label="Full screen" title="Full screen" onClick={() => onFull(!isFull)}>
          <svg aria-hidden="true" width="13" height="13" viewBox="0 0 13 13" fill="none" stroke="currentColor" strokeWidth="1.6">
            <path d="M1 4.5V1h3.5M8.5 1H12v3.5M12 8.5V12H8.5M4.5 12H1V8.5" />
          </svg>
        </button>
      </div>
    </div>
  );
}

/** The source of the address is offered even if it has no rate. */
function offered(sources: readonly string[], chosen: string | null): readonly string[] {
  return chosen === null || sources.includes(chosen) ? sources : [...sources, chosen];
}
