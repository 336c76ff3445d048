// The lines of the live chart since the page was opened, on one clock: that of the gateway, when the page learned of each price.

export interface Point {
  /** Seconds since 1970. */
  time: number;
  /** A float is enough for drawing; `price` is exact. */
  value: number;
  price: string;
  /** The middle of bid and ask instead of a trade. */
  isMid?: boolean;
  /** The price was no longer valid when the next one came: no line leads on from here. */
  endsLine?: boolean;
}

/** Called with each new or changed last point of a line. */
type Listener = (line: string, point: Point) => void;

/** A quarter of an hour, which also limits the points of a line. */
export const REACH_S = 900;
/** Key of the line of the consensus. */
export const CONSENSUS_LINE = "CONSENSUS";
/** Key of the line of the distance between the sources, in basis points. */
export const SPREAD_LINE = "SPREAD";

export class Trail {
  readonly lines = new Map<string, Point[]>();
  /** Increases with every new or changed point. */
  version = 0;
  /** Until when the last price of a line is valid, in milliseconds. */
  readonly #validUntilMs = new Map<string, number>();
  /** Lines whose last point only repeats the price before it. */
  readonly #held = new Set<string>();
  readonly #listeners = new Set<Listener>();

  /** Keeps the last price within each second. Skips a price that is older than the end of the line: it arrived late. */
  add(line: string, atMs: number, price: string, validUntilMs: number, isMid = false): void {
    const points = this.lines.get(line) ?? [];
    this.lines.set(line, points);
    const point: Point = { time: Math.floor(atMs / 1000), value: Number(price), price };
    if (isMid) point.isMid = true;
    const last = points.at(-1);
    if (last !== undefined && point.time < last.time) {
      if (!this.#held.has(line)) return;
      // The time passed while the price was on its way.
      point.time = last.time;
    }
    if (last !== undefined && atMs > (this.#validUntilMs.get(line) ?? 0) + 1_000) this.#endLine(line, last);
    this.#validUntilMs.set(line, validUntilMs);
    this.#put(line, points, point);
    this.#held.delete(line);
  }

  /** Repeats each price that is still valid, so that its line reaches `nowMs`. */
  hold(nowMs: number): void {
    const time = Math.floor(nowMs / 1000);
    for (const [line, points] of this.lines) {
      const last = points.at(-1);
      if (last === undefined || last.time >= time || nowMs > (this.#validUntilMs.get(line) ?? 0)) continue;
      if (this.#held.has(line)) points.pop();
      this.#put(line, points, { ...last, time });
      this.#held.add(line);
    }
  }

  /** The last price of a line is valid no longer. */
  end(line: string, nowMs: number): void {
    const until = this.#validUntilMs.get(line);
    if (until !== undefined) this.#validUntilMs.set(line, Math.min(until, nowMs));
  }

  /** The last point of a line at a time in seconds; undefined before its first point and where the price was valid no longer. */
  at(line: string, time: number): Point | undefined {
    const point = this.lines.get(line)?.findLast((each) => each.time <= time);
    return point?.endsLine && point.time < time ? undefined : point;
  }

  /** The same now, by a page whose own second is `second`: a price counts at once, as the chart draws it. */
  newest(line: string, second: number): Point | undefined {
    const last = Math.max(second, ...[...this.lines.values()].map((points) => points.at(-1)?.time ?? 0));
    return this.at(line, last);
  }

  readonly onPoint = (listener: Listener): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #endLine(line: string, last: Point): void {
    last.endsLine = true;
    this.#tell(line, last);
  }

  #put(line: string, points: Point[], point: Point): void {
    if (points.at(-1)?.time === point.time) points.pop();
    points.push(point);
    // Keeps the last point, however old: it is still the price.
    while (points.length > 1 && (points[0]?.time ?? 0) < point.time - REACH_S) points.shift();
    this.#tell(line, point);
  }

  #tell(line: string, point: Point): void {
    this.version += 1;
    for (const listener of this.#listeners) listener(line, point);
  }
}
