// The points of each line of the chart since the page was opened: one per second, within the time range of the chart.

export interface Point {
  /** Seconds since 1970, in the source's own time. */
  time: number;
  /** A float is enough for drawing; the figures beside the chart are exact. */
  value: number;
}

/** A quarter of an hour, which also limits the points of a line. */
export const REACH_S = 900;

export class Trail {
  readonly lines = new Map<string, Point[]>();
  readonly #listeners = new Set<(line: string, point: Point) => void>();

  /** Keeps the last price within each second. Skips a price that is older than the end of the line: it arrived late. */
  add(line: string, observedAtMs: number, price: string): void {
    const point = { time: Math.floor(observedAtMs / 1000), value: Number(price) };
    const points = this.lines.get(line) ?? [];
    this.lines.set(line, points);
    const last = points.at(-1);
    if (last !== undefined && point.time < last.time) return;
    if (last?.time === point.time) points.pop();
    points.push(point);
    // Keeps the last point, however old: it is still the price.
    while (points.length > 1 && (points[0]?.time ?? 0) < point.time - REACH_S) points.shift();
    for (const listener of this.#listeners) listener(line, point);
  }

  onPoint(listener: (line: string, point: Point) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
