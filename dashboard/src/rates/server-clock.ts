// Ages use the gateway's clock, because the viewer's clock may be minutes off.

export class ServerClock {
  #offsetMs: number | null = null;

  /**
   * Updates the offset from `sentAt` of an event. `sentAt - now` is the true offset minus the transfer time, so the largest
   * value seen is the best estimate.
   */
  learn(sentAtMs: number, nowMs: number): void {
    const offsetMs = sentAtMs - nowMs;
    if (this.#offsetMs === null || offsetMs > this.#offsetMs) this.#offsetMs = offsetMs;
  }

  /** Resets the offset: a new connection may lead to another replica, and clocks are adjusted. */
  reset(): void {
    this.#offsetMs = null;
  }

  /** The gateway's time when the viewer's clock shows `nowMs`. */
  nowMs(nowMs: number): number {
    return nowMs + (this.#offsetMs ?? 0);
  }

  /** Milliseconds since `observedAtMs`, never negative: a source's clock may run ahead. */
  ageMs(observedAtMs: number, nowMs: number): number {
    return Math.max(0, this.nowMs(nowMs) - observedAtMs);
  }
}
