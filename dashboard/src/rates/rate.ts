// What the page reads of the GraphQL contract: the rate, the event that carries it, and the one subscription.

export type Source = string;

export interface Rate {
  id: string;
  symbol: string;
  base: string;
  quote: string;
  source: Source;
  /** Exact decimal as text: shown digit for digit, never parsed into a float. */
  price: string;
  changePercent24h: string | null;
  observedAt: string;
  observedAtOrigin: "SOURCE" | "RECEIVED";
  ttlMs: number;
  simulated: boolean;
}

export interface UnavailableRate {
  symbol: string;
  /** null: no source has it. */
  source: Source | null;
  reason: string;
  message: string;
}

export interface RatesEvent {
  kind: "SNAPSHOT" | "UPDATE" | "HEARTBEAT" | "GAP";
  items: Rate[];
  unavailable: UnavailableRate[];
  sentAt: string;
}

export const RATES_SUBSCRIPTION = /* GraphQL */ `
  subscription FrontPageRates {
    rates {
      kind
      sentAt
      items {
        id
        symbol
        base
        quote
        source
        price
        changePercent24h
        observedAt
        observedAtOrigin
        ttlMs
        simulated
      }
      unavailable {
        symbol
        source
        reason
        message
      }
    }
  }
`;
