// The market: all instruments, live.
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { type Address, go } from "../browser/address";
import { useShortcut } from "../browser/shortcuts";
import { keepWhileVisible } from "../live/visibility";
import { consensuses, gateway, inView, market, marketFeed, names, summaries, usdRates } from "../stores/session";
import { marketColumns } from "./columns";
import { Nothing } from "./nothing";
import { MarketTable } from "./table";
import { Toolbar } from "./toolbar";
import { useChosenRows } from "./use-rows";

/** The first one reports lost connections. */
const FEEDS = [marketFeed, consensuses, summaries, usdRates, inView];

export function MarketView({ address }: { address: Address }) {
  const searchBox = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const ends = FEEDS.map(keepWhileVisible);
    return () => {
      for (const end of ends) end();
    };
  }, []);
  const shape = useSyncExternalStore(market.onShape, () => market.shape);
  useEffect(() => {
    if (shape > 0) void names.load(gateway.client);
  }, [shape]);
  useShortcut("/", () => searchBox.current?.select());
  useShortcut("Escape", () => {
    if (address.search !== "") go({ search: "" });
    document.getElementById("market")?.focus();
  });
  const { rows, ranking, isOrdered } = useChosenRows(address);
  const [selected, setSelected] = useState<Record<string, true>>({});
  const sources = market.sources;
  const columns = useMemo(() => marketColumns(sources), [sources]);
  return (
    <main className="market">
      <h1 className="unseen">Market</h1>
      <Toolbar address={address} rows={rows} selected={selected} columns={columns} searchBox={searchBox} />
      {rows.length > 0 && isOrdered ? (
        <MarketTable rows={rows} columns={columns} address={address} isRanked={ranking !== null} selected={selected} onSelect={setSelected} />
      ) : (
        <Nothing address={address} isWaiting={rows.length > 0} />
      )}
    </main>
  );
}
