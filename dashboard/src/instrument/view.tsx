// One instrument: its price, a live chart of every source, their consensus, and the last updates.
import { useEffect, useMemo, useSyncExternalStore } from "react";
import { go } from "../browser/address";
import { useConnection } from "../live/connection";
import { keepWhileVisible } from "../live/visibility";
import { AgeCell, ChangeCell, FavouriteCell, Price } from "../market/cells";
import { toggleFavourite } from "../market/favourites";
import type { InstrumentRow } from "../stores/instrument-row";
import { leadOf } from "../market/lead";
import { marketLink } from "../market/links";
import { useRow } from "../market/use-rows";
import { formatPrice, sourceName } from "../rates/figures";
import { connection, gateway, health, names } from "../stores/session";
import { useShortcut } from "../browser/shortcuts";
import { useSourceHealth } from "../stores/source-health";
import { Chart } from "./chart";
import { ConsensusCard } from "./consensus";
import { InstrumentFeed } from "./instrument-feed";
import type { InstrumentRate } from "./instrument-rate";
import { Quotes } from "./quotes";
import { Updates } from "./updates";

export function InstrumentView({ symbol }: { symbol: string }) {
  const feed = useMemo(() => new InstrumentFeed(symbol), [symbol]);
  useEffect(() => keepWhileVisible(feed), [feed]);
  const { sources: order } = useSourceHealth(health);
  useEffect(() => feed.store.orderSources(order.map(({ source }) => source.code)), [feed, order]);
  useSyncExternalStore(feed.store.onShape, () => feed.store.shape);
  useEffect(() => void names.load(gateway.client), []);
  useShortcut("Escape", () => go({ symbol: null }, "push"));
  useShortcut("f", () => toggleFavourite(symbol));
  const row = feed.store.rows.get(symbol);
  return (
    <main className="instrument-page">
      <a className="back" {...marketLink()}>
        ← Market
      </a>
      {row === undefined || row.quotes.size === 0 ? <NoRates symbol={symbol} row={row} loaded={feed.store.loaded} /> : <Rates feed={feed} row={row} />}
    </main>
  );
}

function NoRates({ symbol, row, loaded }: { symbol: string; row: InstrumentRow<InstrumentRate> | undefined; loaded: boolean }) {
  const { phase } = useConnection(connection);
  const messages = [...(row?.missing.values() ?? [])].map(({ message }) => message);
  return (
    <>
      <h1>{symbol}</h1>
      <p className="nothing" role="status">
        {phase === "refused" ? "The gateway refuses this question." : loaded ? messages.join(" ") || "No rate is available." : "Waiting for the first rates…"}
      </p>
    </>
  );
}

function Rates({ feed, row }: { feed: InstrumentFeed; row: InstrumentRow<InstrumentRate> }) {
  useRow(row, feed.store);
  const consensus = useSyncExternalStore(feed.onConsensus, () => feed.consensus);
  const { sources } = feed.store;
  const lead = leadOf(row, sources);
  useEffect(() => {
    document.title = lead === null ? `${row.symbol} · Ratewire` : `${formatPrice(lead.rate.price)} ${row.symbol} · Ratewire`;
  }, [row.symbol, lead]);
  useEffect(
    () => () => {
      document.title = "Ratewire · live crypto rates";
    },
    [],
  );
  const precision = Math.max(...[...row.quotes.values()].map(({ rate }) => decimals(formatPrice(rate.price))));
  return (
    <>
      <header className="instrument-head">
        <FavouriteCell row={row} isReached />
        <h1>
          {row.base}
          <span className="soft">/{row.quote}</span> <span className="asset">{names.of(row.base)}</span>
        </h1>
        {lead !== null && (
          <p className="now">
            <Price quote={lead} /> <ChangeCell row={row} order={sources} /> <AgeCell row={row} order={sources} /> <span className="soft">{sourceName(lead.rate.source.code)}</span>
          </p>
        )}
      </header>
      <ConsensusCard consensus={consensus} />
      <Chart feed={feed} sources={sources} precision={precision} />
      <p className="credit">
        TradingView Lightweight Charts™ © TradingView, Inc.{" "}
        <a href="https://www.tradingview.com/" rel="noreferrer">
          tradingview.com
        </a>
      </p>
      <h2>By source</h2>
      <Quotes row={row} sources={sources} consensus={consensus} />
      <h2>Last updates</h2>
      <Updates updates={feed.log.updates} sources={sources} />
    </>
  );
}

function decimals(price: string): number {
  return price.split(".")[1]?.length ?? 0;
}
