import { expect, test } from "vitest";
import type { IdentifiedInstrumentFragment } from "../src/graphql/generated";
import { assetId, candidatesOf } from "../src/instrument/candidates";

function instrument(base: string, sourceSymbol: string, id: string | null): IdentifiedInstrumentFragment {
  const asset = id === null ? null : { id: `Asset:${id}`, code: base, name: id };
  return { symbol: `${base}/USDT`, base, source: { code: "BYBIT" }, sourceSymbol, status: "TRADING", sourceStatus: null, haltedSince: null, suspectSince: null, baseAsset: asset, quoteAsset: null };
}

test("the assets that a code stands for, here or at a source, are named once", () => {
  const found = candidatesOf("NEIRO", [
    instrument("NEIRO", "NEIROUSDT", "neiro-3"),
    instrument("NEIROETH", "NEIROUSDT", "neiro-on-eth"),
    instrument("NEIROETH", "NEIROETH-USDT", "neiro-on-eth"),
    instrument("NEIRO", "NEIRO-USDT", null),
    instrument("NEIROCTO", "NEIROCTOUSDT", "another"),
  ]);
  expect(found.map(({ id }) => id)).toEqual(["Asset:neiro-3", "Asset:neiro-on-eth"]);
});

test("an id is shown as CoinGecko has it, and a currency is called one", () => {
  expect(assetId("Asset:bitcoin")).toBe("bitcoin");
  expect(assetId("Asset:currency:USD")).toBe("currency");
});
