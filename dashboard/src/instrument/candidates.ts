// The assets that a code may stand for, from the instruments that have it in their names. Pure.
import type { IdentifiedInstrumentFragment } from "../graphql/generated";

export type Asset = NonNullable<IdentifiedInstrumentFragment["baseAsset"]>;

/** The reviewed id, which is CoinGecko's where it has one: "bitcoin"; for a currency its code in words. */
export function assetId(id: string): string {
  const text = id.replace(/^Asset:/, "");
  return text.startsWith("currency:") ? "currency" : text;
}

/** Each reviewed asset once: of instruments whose code is `code`, here or at their source. */
export function candidatesOf(code: string, instruments: readonly IdentifiedInstrumentFragment[]): Asset[] {
  const found = new Map<string, Asset>();
  for (const { base, sourceSymbol, baseAsset } of instruments) {
    const isNamed = base === code || sourceSymbol.toUpperCase().split(/[^A-Z0-9]/)[0] === code || isJoined(sourceSymbol, code);
    if (baseAsset !== null && isNamed) found.set(baseAsset.id, baseAsset);
  }
  return [...found.values()];
}

/** "NEIROUSDT" begins with NEIRO, and so does "NEIROETHUSDT": only the usual quotes may follow. */
function isJoined(sourceSymbol: string, code: string): boolean {
  return sourceSymbol.startsWith(code) && /^(USDT|USDC|USD|EUR|BTC)$/.test(sourceSymbol.slice(code.length));
}
