// What the page has seen of each line of the chart since it was opened: one point a second, and no further back than the chart reaches.

export interface Point {
  /** Seconds since 1970 by the source's own time. */
  time: number;
  /** A float will do for a picture; the figures beside it are exact. */
  value: number;
}

/** A quarter of an hour, and so the most points of a line. */
export const REACH_S = 900;

export class Trail {
  readonly lines = new Map<string, Point[]>();
  readonly #listeners = new Set<(line: string, point: Point) => void>();

  /** The last price within a second stands for it. What is older than the line's end is not drawn: it was told late. */
  add(line: string, observedAtMs: number, price: string): void {
    const point = { time: Math.floor(observedAtMs / 1000), value: Number(price) };
    const points = this.lines.get(line) ?? [];
    this.lines.set(line, points);
    const last = points.at(-1);
    if (last !== undefined && point.time < last.time) return;
    if (last?.time === point.time) points.pop();
    points.push(point);
    // The last of them stays, however old: it is still the price.
    while (points.length > 1 && (points[0]?.time ?? 0) < point.time - REACH_S) points.shift();
    for (const listener of this.#listeners) listener(line, point);
  }

  onPoint(listener: (line: string, point: Point) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
