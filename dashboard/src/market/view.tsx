// The market: all instruments, live.
import { useEffect, useRef, useSyncExternalStore } from "react";
import { type Address, go } from "../browser/address";
import { keepWhileVisible } from "../live/visibility";
import { gateway, market, marketFeed, names } from "../stores/session";
import { useShortcut } from "../browser/shortcuts";
import { Nothing } from "./nothing";
import { MarketTable } from "./table";
import { Toolbar } from "./toolbar";
import { useChosenRows } from "./use-rows";

export function MarketView({ address }: { address: Address }) {
  const searchBox = useRef<HTMLInputElement>(null);
  useEffect(() => keepWhileVisible(marketFeed), []);
  const shape = useSyncExternalStore(market.onShape, () => market.shape);
  useEffect(() => {
    if (shape > 0) void names.load(gateway.client);
  }, [shape]);
  useShortcut("/", () => searchBox.current?.select());
  useShortcut("Escape", () => {
    if (address.search !== "") go({ search: "" });
    document.getElementById("market")?.focus();
  });
  const rows = useChosenRows(address);
  return (
    <main className="market">
      <h1 className="unseen">Market</h1>
      <Toolbar address={address} shown={rows.length} searchBox={searchBox} />
      {rows.length > 0 ? <MarketTable rows={rows} sources={market.sources} address={address} /> : <Nothing address={address} />}
    </main>
  );
}
