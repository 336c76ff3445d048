// Something that is loaded again at intervals while the page is visible.
import { retryMs } from "./backoff";
import type { FailedLoad } from "./refusal";
import type { Pausable } from "./visibility";

export class Periodic implements Pausable {
  readonly #load: () => Promise<FailedLoad | null>;
  readonly #everyMs: number;
  readonly #retryMs: number;
  #timer: number | undefined;
  #dueAtMs = 0;
  /** The gateway expects no attempt before. */
  #notBeforeMs = 0;
  #failures = 0;
  #isOn = false;
  #isLoading = false;

  /** `load` returns null if it has succeeded. After a failure it is called again after `retryMs`, or later if the gateway says so. */
  constructor(load: () => Promise<FailedLoad | null>, everyMs: number, retryMs: number) {
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
    this.#dueAtMs = this.#notBeforeMs;
    this.#arm();
  }

  /** Loads soon, because there is more to load, but not before the gateway expects it. Several calls are one. */
  hasten(withinMs: number): void {
    this.#dueAtMs = Math.max(this.#notBeforeMs, Math.min(this.#dueAtMs, Date.now() + withinMs));
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
    const failed = await this.#load();
    this.#isLoading = false;
    const delayMs = this.#delayAfter(failed);
    this.#notBeforeMs = failed?.retryAfterMs == null ? 0 : Date.now() + delayMs;
    this.#dueAtMs = Math.max(this.#notBeforeMs, Math.min(this.#dueAtMs, Date.now() + delayMs));
    this.#arm();
  }

  #delayAfter(failed: FailedLoad | null): number {
    this.#failures = failed === null ? 0 : this.#failures + 1;
    return failed === null ? this.#everyMs : Math.max(this.#retryMs, retryMs(this.#failures - 1, failed.retryAfterMs));
  }
}
