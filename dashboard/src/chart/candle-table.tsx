// The candles in view as a table, the newest first. It exists only while it is open.
import { useState } from "react";
import { formatPrice } from "../rates/figures";
import type { ChartCandle } from "./candle-window";
import { coverageWords } from "./candle-words";
import { writeNumber } from "../rates/notation";
import { momentText } from "./time-labels";
import { ScrollBox } from "../browser/scroll-box";

const MOST_ROWS = 200;

export function CandleTable({ symbol, candles, isDaily }: { symbol: string; candles: readonly ChartCandle[]; isDaily: boolean }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details className="candle-table" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>Candles as a table</summary>
      {isOpen && (
        <ScrollBox label={`Candles of ${symbol} in view`}>
          <table className="figures">
            <thead>
              <tr>
                <th scope="col">{isDaily ? "Day (UTC)" : "Time"}</th>
                <th scope="col">Open</th>
                <th scope="col">High</th>
                <th scope="col">Low</th>
                <th scope="col">Close</th>
                <th scope="col">Volume</th>
                <th scope="col">Trades</th>
                <th scope="col">Record</th>
              </tr>
            </thead>
            <tbody>
              {candles.slice(-MOST_ROWS).reverse().map((candle) => (
                <tr key={candle.openTime}>
                  <th scope="row">{momentText(Date.parse(candle.openTime), isDaily)}</th>
                  <Cell price={candle.open} />
                  <Cell price={candle.high} />
                  <Cell price={candle.low} />
                  <Cell price={candle.close} />
                  <Cell price={candle.volume} />
                  <td>{candle.tradeCount === null ? "–" : writeNumber(candle.tradeCount)}</td>
                  <td>{coverageWords(candle) || "complete"}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </ScrollBox>
      )}
      {isOpen && candles.length > MOST_ROWS && <p className="soft">{`The newest ${MOST_ROWS} of ${candles.length} in view.`}</p>}
    </details>
  );
}

function Cell({ price }: { price: string | null }) {
  return <td>{price === null ? "–" : formatPrice(price)}</td>;
}
