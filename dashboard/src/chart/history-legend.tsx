// The figures of the candle under the crosshair, otherwise of the newest one.
import type { ChartKind } from "../browser/chart-address";
import { directionOf, formatChange, formatPrice, formatVolume, sourceName } from "../rates/figures";
import type { ChartCandle } from "./candle-window";
import { changePercent, coverageWords } from "./candle-words";
import { lineColour } from "./colours";
import type { ViewState } from "./view-state";
import { isDaily } from "./time-frames";
import { momentText } from "./time-labels";

export function HistoryLegend({ symbol, state, kind }: { symbol: string; state: ViewState; kind: ChartKind }) {
  const { candles, pointed, source, interval } = state;
  const candle = candles.find(({ openTime }) => openTime === pointed) ?? candles.at(-1);
  const base = symbol.split("/")[0] ?? "";
  return (
    <dl className="legend">
      <div className="named">
        <dt className="unseen">Line</dt>
        <dd>
          {kind === "candles" ? <span className="swatch candle" aria-hidden="true" /> : <span className="swatch" aria-hidden="true" style={{ background: lineColour(0) }} />}
          {source === null ? symbol : sourceName(source)}
          {candle !== undefined && <span className="soft">{` ${momentText(Date.parse(candle.openTime), isDaily(interval))}`}</span>}
        </dd>
      </div>
      {candle !== undefined && <Figures candle={candle} base={base} />}
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
