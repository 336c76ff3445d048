// The lowest and highest price of the last minutes. Keeps only prices that can still become the lowest or highest.

interface Sample {
  price: bigint;
  atMs: number;
}

export class PriceWindow {
  readonly #lengthMs: number;
  /** In order of time; prices rise in one, fall in the other. The first is the lowest, the highest. */
  readonly #lows: Sample[] = [];
  readonly #highs: Sample[] = [];

  constructor(lengthMs: number) {
    this.#lengthMs = lengthMs;
  }

  /** Of the window that ends with the last price. */
  get lowest(): bigint {
    return this.#lows[0]?.price ?? 0n;
  }

  get highest(): bigint {
    return this.#highs[0]?.price ?? 0n;
  }

  add(price: bigint, atMs: number): void {
    const sample = { price, atMs };
    while (this.#lows.length > 0 && (this.#lows.at(-1) as Sample).price >= price) this.#lows.pop();
    while (this.#highs.length > 0 && (this.#highs.at(-1) as Sample).price <= price) this.#highs.pop();
    for (const samples of [this.#lows, this.#highs]) {
      samples.push(sample);
      // The newest is always within.
      samples.splice(0, samples.findIndex((each) => atMs - each.atMs <= this.#lengthMs));
    }
  }

  restart(price: bigint, atMs: number): void {
    for (const samples of [this.#lows, this.#highs]) samples.splice(0, samples.length, { price, atMs });
  }
}
