// Puts the time in view into the address, once the viewer has moved the chart and it has come to rest.
import { goChart } from "../browser/address";

const ADDRESS_AFTER_MS = 400;
/** After a gesture the chart may glide on. */
const GESTURE_MS = 1_500;

export class AddressWriter {
  readonly #read: () => { from: number; to: number | null } | null;
  #gestureUntil = 0;
  #timer: number | undefined;

  /** `read`: the time in view; null if there is none. */
  constructor(read: () => { from: number; to: number | null } | null) {
    this.#read = read;
  }

  /** A wheel, pointer or key of the viewer: what now moves in the chart goes into the address. */
  noteGesture(): void {
    this.#gestureUntil = performance.now() + GESTURE_MS;
  }

  /** Pages that arrive later move the view, too: that counts only where the address has a time already. */
  noteMove(hasTime: boolean): void {
    if (!hasTime && performance.now() >= this.#gestureUntil) return;
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => {
      const shown = this.#read();
      if (shown !== null) goChart(shown);
    }, ADDRESS_AFTER_MS);
  }

  stop(): void {
    window.clearTimeout(this.#timer);
  }
}
