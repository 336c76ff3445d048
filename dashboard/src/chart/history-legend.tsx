// The figures of the candle under the crosshair, otherwise of the newest one; each further line with its name.
import type { ChartKind } from "../browser/chart-address";
import { directionOf, formatChange, formatPrice, formatVolume, sourceName } from "../rates/figures";
import { formatBps } from "../rates/spread";
import type { ChartCandle } from "./candle-window";
import { changePercent, coverageWords } from "./candle-words";
import type { Overlay } from "./chart-overlays";
import { lineColour } from "./colours";
import { OVERLAY_COLOUR } from "./drawn-lines";
import { percentFrom } from "./percent";
import type { ViewState } from "./view-state";
import { isDaily } from "./time-frames";
import { momentText } from "./time-labels";

interface Props {
  symbol: string;
  state: ViewState;
  kind: ChartKind;
  /** Whether the chart shows changes in percent. */
  isPercent: boolean;
}

export function HistoryLegend({ symbol, state, kind, isPercent }: Props) {
  const { candles, pointed, source, interval, overlays, spreadAt, visible } = state;
  const candle = candles.find(({ openTime }) => openTime === pointed) ?? candles.at(-1);
  const base = symbol.split("/")[0] ?? "";
  return (
    <dl className="legend">
      <div className="named">
        <dt className="unseen">Line</dt>
        <dd>
          {kind === "candles" ? <span className="swatch candle" aria-hidden="true" /> : <span className="swatch" aria-hidden="true" style={{ background: lineColour(0) }} />}
          {source === null ? symbol : isPercent ? `${symbol} ${sourceName(source)}` : sourceName(source)}
          {candle !== undefined && <span className="soft">{` ${momentText(Date.parse(candle.openTime), isDaily(interval))}`}</span>}
        </dd>
      </div>
      {candle !== undefined && isPercent && <Percent change={percentFrom(candles, visible, candle, ({ close }) => close)} />}
      {candle !== undefined && <Figures candle={candle} base={base} />}
      {candle !== undefined &&
        overlays.map((overlay) => (
          <OverlayFigure key={overlay.key} overlay={overlay} openTime={candle.openTime} percent={isPercent ? percentFrom(candles, visible, candle, ({ openTime }) => overlay.candles.get(openTime)?.close ?? null) : null} />
        ))}
      {candle !== undefined && spreadAt !== null && <SpreadFigure spread={spreadAt(candle.openTime)} />}
    </dl>
  );
}

function Figures({ candle, base }: { candle: ChartCandle; base: string }) {
  const percent = changePercent(candle);
  const coverage = coverageWords(candle);
  const prices = [
    ["Open", candle.open],
    ["High", candle.high],
    ["Low", candle.low],
    ["Close", candle.close],
  ] as const;
  return (
    <>
      {prices.map(([name, price]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{price === null ? "–" : formatPrice(price)}</dd>
        </div>
      ))}
      <div>
        <dt>Change</dt>
        <dd data-direction={directionOf(percent)}>{percent === null ? "–" : formatChange(percent)}</dd>
      </div>
      <div>
        <dt>
          <span className="swatch volume" aria-hidden="true" />
          Volume
        </dt>
        <dd title={candle.volume === null ? undefined : `${candle.volume} ${base}`}>{candle.volume === null ? "–" : `${formatVolume(Number(candle.volume))} ${base}`}</dd>
      </div>
      {coverage !== "" && (
        <div>
          <dt className="unseen">Coverage</dt>
          <dd className="coverage" data-coverage={candle.state === "FORMING" ? "FORMING" : candle.coverage}>
            {coverage}
          </dd>
        </div>
      )}
    </>
  );
}

function OverlayFigure({ overlay, openTime, percent }: { overlay: Overlay; openTime: string; percent: string | null }) {
  const { key, symbol, source, candles } = overlay;
  const candle = candles.get(openTime);
  const count = candle?.contributorCount;
  return (
    <div>
      <dt>
        <span className={key === "consensus" ? "swatch dotted" : "swatch"} aria-hidden="true" style={key === "consensus" ? undefined : { background: OVERLAY_COLOUR[key] }} />
        {key === "consensus" ? "Consensus" : `${symbol}${source === null ? "" : ` ${sourceName(source)}`}`}
      </dt>
      <dd>
        {candle?.close == null ? "–" : formatPrice(candle.close)}
        {percent !== null && <Change percent={percent} />}
        {count !== undefined && <span className="soft">{` (${sourcesText(count)})`}</span>}
      </dd>
    </div>
  );
}

function SpreadFigure({ spread }: { spread: { bps: number; sources: number } | null }) {
  return (
    <div>
      <dt>
        <span className="swatch thin" aria-hidden="true" />
        Between sources
      </dt>
      <dd>
        {spread === null ? "–" : `${formatBps(spread.bps)} bps`}
        {spread !== null && <span className="soft">{` (${sourcesText(spread.sources)})`}</span>}
      </dd>
    </div>
  );
}

function sourcesText(count: number): string {
  return count === 1 ? "1 source" : `${count} sources`;
}

function Percent({ change }: { change: string | null }) {
  return (
    <div>
      <dt className="unseen">Since the left edge</dt>
      <dd>{change === null ? "–" : <Change percent={change} />}</dd>
    </div>
  );
}

function Change({ percent }: { percent: string }) {
  return <span data-direction={directionOf(percent)}>{` ${formatChange(percent)}`}</span>;
}
