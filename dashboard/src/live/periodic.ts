// Something that is loaded again at intervals while the page is visible.
import type { Pausable } from "./visibility";

export class Periodic implements Pausable {
  readonly #load: () => Promise<boolean>;
  readonly #everyMs: number;
  readonly #retryMs: number;
  #timer: number | undefined;
  #dueAtMs = 0;
  #isOn = false;
  #isLoading = false;

  /** `load` returns whether it has succeeded; after a failure it is called again after `retryMs`. */
  constructor(load: () => Promise<boolean>, everyMs: number, retryMs: number) {
    this.#load = load;
    this.#everyMs = everyMs;
    this.#retryMs = retryMs;
  }

  start(): void {
    if (this.#isOn) return;
    this.#isOn = true;
    this.#arm();
  }

  pause(): void {
    this.#isOn = false;
    window.clearTimeout(this.#timer);
  }

  leave(): void {
    this.pause();
  }

  retryNow(): void {
    this.#dueAtMs = 0;
    this.#arm();
  }

  /** Loads soon, because there is more to load. Several calls are one. */
  hasten(withinMs: number): void {
    this.#dueAtMs = Math.min(this.#dueAtMs, Date.now() + withinMs);
    this.#arm();
  }

  #arm(): void {
    window.clearTimeout(this.#timer);
    if (!this.#isOn || this.#isLoading) return;
    this.#timer = window.setTimeout(() => void this.#run(), Math.max(0, this.#dueAtMs - Date.now()));
  }

  async #run(): Promise<void> {
    this.#isLoading = true;
    this.#dueAtMs = Number.POSITIVE_INFINITY;
    const isDone = await this.#load();
    this.#isLoading = false;
    this.#dueAtMs = Math.min(this.#dueAtMs, Date.now() + (isDone ? this.#everyMs : this.#retryMs));
    this.#arm();
  }
}
