// The operations of the page, and what an event changes in the list that the query holds.
import { gql, type TypedDocumentNode } from "@apollo/client";

// `npm run generate` of ../typescript shows how to have these types made from the schema.
export interface Rate {
  __typename: "Rate";
  id: string;
  symbol: string;
  price: string;
  expiresAt: string;
  source: { __typename: "Source"; id: string; code: string; name: string };
}
export interface Unavailable {
  symbol: string;
  source: { id: string; code: string } | null;
  message: string;
}
export interface RateList {
  items: Rate[];
  unavailable: Unavailable[];
  cursor: string;
  sentAt: string;
}
export interface RatesEvent extends RateList {
  kind: string;
  recovered: boolean | null;
}

const FIELDS = gql`
  fragment RateFields on Rate { id symbol price expiresAt source { id code name } }
  fragment UnavailableFields on UnavailableRate { symbol source { id code } message }
`;
export const RATES: TypedDocumentNode<{ rates: RateList | null }, { symbols: string[] }> = gql`
  query Rates($symbols: [Symbol!]!) {
    rates(symbols: $symbols) { items { ...RateFields } unavailable { ...UnavailableFields } cursor sentAt }
  }
  ${FIELDS}
`;
// It starts at the cursor of the query, and after a lost connection at the one that the link holds.
export const LIVE: TypedDocumentNode<{ rates: RatesEvent | null }, { symbols: string[]; after: string }> = gql`
  subscription LiveRates($symbols: [Symbol!]!, $after: String) {
    rates(symbols: $symbols, sampleIntervalMs: 250, after: $after) {
      kind recovered cursor items { ...RateFields } unavailable { ...UnavailableFields } sentAt
    }
  }
  ${FIELDS}
`;

/** Returns the list after an event: a whole snapshot replaces it, everything else is merged. */
export function applyEvent(held: RateList, { kind, recovered, items, unavailable, sentAt }: RatesEvent): RateList {
  if (kind === "SNAPSHOT" && !recovered) return { ...held, items, unavailable, sentAt };
  const news = new Set(items.map(({ id }) => id));
  const isGone = (rate: Rate) => unavailable.some((each) => concerns(each, rate));
  const isOld = (missing: Unavailable) =>
    items.some((rate) => concerns(missing, rate)) ||
    unavailable.some(({ symbol, source }) => symbol === missing.symbol && source?.code === missing.source?.code);
  return {
    ...held,
    items: [...held.items.filter((rate) => !news.has(rate.id) && !isGone(rate)), ...items],
    unavailable: [...held.unavailable.filter((each) => !isOld(each)), ...unavailable],
    sentAt,
  };
}

function concerns({ symbol, source }: Unavailable, rate: Rate): boolean {
  return symbol === rate.symbol && (!source || source.code === rate.source.code);
}
