// The seam between candles and live rates: a candle takes only a price that a trade made in its time, and never an opening.
import { compareDecimals } from "../rates/decimal";
import type { ChartCandle } from "./candle-window";

/** The price of a rate, with the time of the trade that made it. */
export interface LivePrice {
  source: string;
  price: string;
  tradedAtMs: number;
}

/** Trades that the history does not have yet. It has them after seconds. */
const MOST_PRICES = 64;

/** The newest prices of one source, until the history has their trades. */
export class LivePrices {
  #prices: LivePrice[] = [];

  add(price: LivePrice): void {
    const last = this.#prices.at(-1);
    if (last !== undefined && price.tradedAtMs < last.tradedAtMs) return;
    this.#prices = [...this.#prices, price].slice(-MOST_PRICES);
  }

  clear(): void {
    this.#prices = [];
  }

  /** Returns the candle with these prices; the same candle if none belongs to it. */
  applyTo(candle: ChartCandle): ChartCandle {
    return this.#prices.reduce(takePrice, candle);
  }
}

/**
 * Volume and number of trades stay as the history has them: a rate tells of one trade, and there may have been others. A candle
 * without an opening gets none, because an earlier trade may have made it.
 */
function takePrice(candle: ChartCandle, { price, tradedAtMs }: LivePrice): ChartCandle {
  if (candle.state !== "FORMING" || candle.open === null || candle.high === null || candle.low === null) return candle;
  if (tradedAtMs < Date.parse(candle.openTime) || tradedAtMs >= Date.parse(candle.closeTime)) return candle;
  // The history already has this trade, and maybe a later one.
  if (tradedAtMs <= Date.parse(candle.asOf)) return candle;
  const high = compareDecimals(price, candle.high) > 0 ? price : candle.high;
  const low = compareDecimals(price, candle.low) < 0 ? price : candle.low;
  return { ...candle, close: price, high, low };
}
