// Ages are told by the gateway's clock, because the viewer's may be minutes off.

export class ServerClock {
  #offsetMs: number | null = null;

  /**
   * Learns from an event's `sentAt`. `sentAt - now` is the true offset less the time under way, so the largest
   * one seen is the closest.
   */
  learn(sentAtMs: number, nowMs: number): void {
    const offsetMs = sentAtMs - nowMs;
    if (this.#offsetMs === null || offsetMs > this.#offsetMs) this.#offsetMs = offsetMs;
  }

  /** Forgets what was learnt: a new connection may lead to another replica, and clocks get set. */
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
