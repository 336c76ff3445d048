// The latest updates of an instrument, newest first, in order of arrival at this page.
import { compareDecimals } from "../rates/decimal";
import type { InstrumentRate } from "./instrument-rate";

export interface Update {
  number: number;
  rate: InstrumentRate;
  /** Change from the previous price of the same source, in basis points; null for the first price. */
  moveBps: number | null;
}

const MOST_UPDATES = 60;

export class UpdateLog {
  updates: readonly Update[] = [];
  #count = 0;
  readonly #last = new Map<string, InstrumentRate>();

  /** Adds only new rates: a resumed snapshot may contain a rate again. */
  add(rates: readonly InstrumentRate[]): void {
    const news: Update[] = [];
    for (const rate of rates) {
      const before = this.#last.get(rate.source.code);
      if (before?.observedAt === rate.observedAt && before.price === rate.price) continue;
      this.#last.set(rate.source.code, rate);
      this.#count += 1;
      news.unshift({ number: this.#count, rate, moveBps: before === undefined ? null : moveBps(before.price, rate.price) });
    }
    if (news.length > 0) this.updates = [...news, ...this.updates].slice(0, MOST_UPDATES);
  }
}

function moveBps(before: string, after: string): number {
  return compareDecimals(before, after) === 0 ? 0 : (Number(after) / Number(before) - 1) * 10_000;
}
