// What one unit of each quote asset is worth in USD, by the gateway's conversions. For the magnitude of volumes only.
import type { Client } from "urql";
import { type MarketRateFragment, type UsdRateFragment, UsdRatesDocument } from "../graphql/generated";
import { Periodic } from "../live/periodic";
import { failedLoad } from "../live/refusal";
import { writeRounded } from "../rates/notation";
import type { MarketStore } from "./market-store";

const EVERY_MS = 60_000;
const RETRY_MS = 10_000;
/** The order of the table waits for the first values. */
const SOON_MS = 20;
/** One query has so many assets at most, each twice: the gateway limits the cost of one. */
const MOST_ASSETS = 15;
const USD = "USD";

export interface UsdRate {
  rate: number;
  /** How it was found, for people: "1 JPY = 0.0066 USD, over USDT". */
  words: string;
}

export class UsdRates extends Periodic {
  readonly #rates = new Map<string, UsdRate>([[USD, { rate: 1, words: "" }]]);
  readonly #listeners = new Set<() => void>();
  /** Whether the quote assets of the first instruments have their values, as far as there are any. */
  isLoaded = false;

  constructor(client: Client, market: MarketStore<MarketRateFragment>) {
    super(
      async () => {
        const assets = [...new Set([...market.rows.values()].map(({ quote }) => quote))].filter((asset) => asset !== USD).sort();
        for (let first = 0; first < assets.length; first += MOST_ASSETS) {
          const input = assets.slice(first, first + MOST_ASSETS).map((from) => ({ amount: "1", from, to: USD }));
          const { data, error } = await client.query(UsdRatesDocument, { input }).toPromise();
          if (data === undefined) return failedLoad(error);
          // A market where there is one; a stablecoin without one is taken as a dollar, and that is said.
          this.learn([...(data.pegged?.items ?? []), ...(data.conversions?.items ?? [])]);
        }
        if (market.rows.size === 0) return failedLoad();
        this.#finish();
        return null;
      },
      EVERY_MS,
      RETRY_MS,
    );
    market.onShape(() => this.hasten(SOON_MS));
  }

  of(asset: string): UsdRate | null {
    return this.#rates.get(asset) ?? null;
  }

  /** Calls the listener once they are loaded, which they are from then on. */
  readonly onLoaded = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #finish(): void {
    if (this.isLoaded) return;
    this.isLoaded = true;
    for (const listener of this.#listeners) listener();
  }

  /** Later ones replace earlier ones of the same asset. */
  learn(conversions: readonly UsdRateFragment[]): void {
    for (const conversion of conversions) this.#rates.set(conversion.from, { rate: Number(conversion.rate), words: wordsOf(conversion) });
  }
}

function wordsOf({ from, rate, freshness, usesPeg, legs }: UsdRateFragment): string {
  const over = legs.slice(0, -1).map(({ to }) => to);
  const parts = [`1 ${from} = ${writeRounded(Number(rate))} USD`];
  if (over.length > 0) parts.push(`over ${over.join(", ")}`);
  if (usesPeg) parts.push("a stablecoin taken as one USD");
  if (freshness !== "FRESH") parts.push(`by a rate that is ${freshness.toLowerCase()}`);
  return parts.join(", ");
}
