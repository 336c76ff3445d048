// The ground of a price that has just changed. The style sheet draws it by an attribute: an animation would cost a frame
// of style and paint sixty times a second while anything changes.
import { type RefObject, useLayoutEffect, useRef } from "react";

export const FLASH_MS = 500;
/** Those that end within this time end together: prices change in batches. */
const TOGETHER_MS = 60;
/** The table writes its prices four times a second. */
const PATIENCE_MS = 150;
type Direction = "up" | "down";

/** The part of an element that a flash changes. */
export interface Flashing {
  dataset: DOMStringMap;
}

export class Flashes {
  readonly #ends = new Map<Flashing, number>();
  readonly #patienceMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `patienceMs`: so much longer a flash may last, for `endDue` to end it together with what changes then. */
  constructor(patienceMs = 0) {
    this.#patienceMs = patienceMs;
  }

  /** Lights the element for `FLASH_MS`. One that is lit is not lit for longer: a price that changes all the time would never be without its ground. */
  light(element: Flashing, direction: Direction): void {
    if (element.dataset.flash !== direction) element.dataset.flash = direction;
    if (this.#ends.has(element)) return;
    this.#ends.set(element, performance.now() + FLASH_MS);
    this.#timer ??= setTimeout(() => this.#end(), FLASH_MS + this.#patienceMs);
  }

  /** Ends what would end soon, in a frame that is painted anyway. */
  endDue(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#end();
  }

  #end(): void {
    const nowMs = performance.now();
    let next = Number.POSITIVE_INFINITY;
    for (const [element, endMs] of this.#ends) {
      if (endMs > nowMs + TOGETHER_MS) {
        next = Math.min(next, endMs);
        continue;
      }
      delete element.dataset.flash;
      this.#ends.delete(element);
    }
    this.#timer = this.#ends.size === 0 ? undefined : setTimeout(() => this.#end(), next - nowMs + this.#patienceMs);
  }
}

/** Those of the whole page: one timer serves all. */
export const flashes = new Flashes(PATIENCE_MS);
export const stillness = typeof window === "undefined" ? { matches: false } : window.matchMedia("(prefers-reduced-motion: reduce)");

/** Lights the element when `moves`, the number of changes, is another one. */
export function useFlash(moves: number, direction: Direction | null): RefObject<HTMLSpanElement | null> {
  const element = useRef<HTMLSpanElement>(null);
  const flashed = useRef(moves);
  useLayoutEffect(() => {
    if (flashed.current === moves) return;
    flashed.current = moves;
    if (direction !== null && element.current !== null && !stillness.matches) flashes.light(element.current, direction);
  }, [moves, direction]);
  return element;
}
