// The rows by rate id: events are gathered, and drawn together in the browser's next frame.
import type { Freshness } from "../rates/freshness";
import type { Rate } from "../rates/rate";
import type { ServerClock } from "../rates/server-clock";
import { RateRow } from "./rate-row";

export interface TableFacts {
  rates: number;
  /** Rows that the filter lets through. */
  shown: number;
  byFreshness: Record<Freshness, number>;
  simulated: boolean;
}

export class RateTable {
  readonly #body: HTMLElement;
  readonly #clock: ServerClock;
  readonly #onDrawn: (facts: TableFacts) => void;
  readonly #rows = new Map<string, RateRow>();
  /** At most one rate per id, the newest, so that a hidden page gathers no backlog. */
  readonly #pending = new Map<string, Rate>();
  #kept: Set<string> | null = null;
  #frame: number | null = null;
  #filter = "";

  constructor(body: HTMLElement, clock: ServerClock, onDrawn: (facts: TableFacts) => void) {
    this.#body = body;
    this.#clock = clock;
    this.#onDrawn = onDrawn;
  }

  /** The whole truth: rows that are not in it go. */
  replace(rates: readonly Rate[]): void {
    this.#pending.clear();
    this.#kept = new Set(rates.map((rate) => rate.id));
    this.merge(rates);
  }

  merge(rates: readonly Rate[]): void {
    for (const rate of rates) this.#pending.set(rate.id, rate);
    this.redraw();
  }

  /** Shows only rows whose symbol or source contains `text`, whatever its case. */
  filter(text: string): void {
    this.#filter = text.trim().toUpperCase();
    for (const row of this.#rows.values()) this.#applyFilter(row);
    this.redraw();
  }

  /** Draws in the next frame; the browser grants none to a hidden page. */
  redraw(): void {
    this.#frame ??= requestAnimationFrame(() => this.#draw());
  }

  #draw(): void {
    this.#frame = null;
    const isSnapshot = this.#kept !== null;
    this.#drop();
    for (const rate of this.#pending.values()) {
      const row = this.#rows.get(rate.id);
      if (row) row.update(rate, !isSnapshot);
      else this.#insert(rate);
    }
    this.#pending.clear();
    const nowMs = Date.now();
    for (const row of this.#rows.values()) row.tick(this.#clock, nowMs);
    this.#onDrawn(this.#facts());
  }

  #drop(): void {
    if (this.#kept === null) return;
    for (const [id, row] of this.#rows) {
      if (this.#kept.has(id)) continue;
      row.element.remove();
      this.#rows.delete(id);
    }
    this.#kept = null;
  }

  /** A symbol's sources stand together; symbols keep the order in which they first came. */
  #insert(rate: Rate): void {
    const row = new RateRow(rate);
    const siblings = [...this.#rows.values()].filter((other) => other.symbol === row.symbol);
    const next = siblings.find((other) => other.source > row.source)?.element;
    const last = siblings.at(-1)?.element;
    if (next) next.before(row.element);
    else if (last) last.after(row.element);
    else this.#body.append(row.element);
    this.#rows.set(rate.id, row);
    this.#applyFilter(row);
  }

  #applyFilter(row: RateRow): void {
    row.element.hidden = !`${row.symbol} ${row.source}`.includes(this.#filter);
  }

  #facts(): TableFacts {
    const byFreshness = { FRESH: 0, STALE: 0, EXPIRED: 0 };
    let simulated = false;
    let shown = 0;
    for (const row of this.#rows.values()) {
      byFreshness[row.freshness] += 1;
      if (!row.element.hidden) shown += 1;
      simulated ||= row.simulated;
    }
    return { rates: this.#rows.size, shown, byFreshness, simulated };
  }
}
