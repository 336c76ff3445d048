// One instrument: its price, its chart, the consensus of its sources, and the last updates.
import { lazy, Suspense, useEffect, useMemo, useSyncExternalStore } from "react";
import { go } from "../browser/address";
import type { ChartAddress } from "../browser/chart-address";
import { fullTimeText } from "../browser/times";
import { useConnection } from "../live/connection";
import { onSecondHand } from "../live/second-hand";
import { keepWhileVisible } from "../live/visibility";
import { FavouriteCell, FigureCell } from "../market/cells";
import { toggleFavourite } from "../market/favourites";
import type { Headline } from "../market/headline";
import type { InstrumentRow } from "../stores/instrument-row";
import { instrumentLink, marketLink } from "../market/links";
import { viewOf } from "../market/present";
import { ageFigure, changeFigure, leadChange, leadFigure, priceFigure } from "../market/row-figures";
import { useMarketRow, useRow } from "../market/use-rows";
import { formatAge } from "../rates/freshness";
import { CONSENSUS } from "../rates/lead-rule";
import { missingText } from "../rates/missing-words";
import { clock, connection, gateway, health, names } from "../stores/session";
import { useShortcut } from "../browser/shortcuts";
import { useSourceHealth } from "../stores/source-health";
import { ConsensusCard } from "./consensus";
import { Identity } from "./identity";
import { InstrumentFeed } from "./instrument-feed";
import type { InstrumentRate } from "./instrument-rate";
import { Quotes } from "./quotes";
import { Trades } from "./trades";
import { Updates } from "./updates";

// A script of its own: the market does without the drawing library.
const ChartPanel = lazy(() => import("../chart/chart-panel"));

const SYMBOLS = /([A-Z0-9]+\/[A-Z0-9]+)/;
/** What has another form is no symbol: the gateway would refuse each question about it. */
const IS_SYMBOL = /^[^/]+\/[^/]+$/;

export function InstrumentView({ symbol, chart }: { symbol: string; chart: ChartAddress }) {
  const feed = useMemo(() => new InstrumentFeed(symbol), [symbol]);
  useEffect(() => keepWhileVisible(feed), [feed]);
  const { sources: order } = useSourceHealth(health);
  useEffect(() => feed.orderSources(order.map(({ source }) => source.code)), [feed, order]);
  useSyncExternalStore(feed.store.onShape, () => feed.store.shape);
  useEffect(() => void names.load(gateway.client), []);
  useShortcut("Escape", () => go({ symbol: null }, "push"));
  useShortcut("f", () => toggleFavourite(symbol));
  const row = feed.store.rows.get(symbol);
  const rated = row === undefined || row.quotes.size === 0 ? null : row;
  const { phase } = useConnection(connection);
  // An instrument without rates may have a history; what is no instrument has none.
  const isUnknown = rated === null && (!IS_SYMBOL.test(symbol) || phase === "refused" || (feed.store.loaded && row === undefined) || [...(row?.missing.values() ?? [])].some(({ reason }) => reason === "UNKNOWN_SYMBOL"));
  return (
    <main className="instrument-page">
      <a className="back" {...marketLink()}>
        ← Market
      </a>
      {rated === null ? <NoRates symbol={symbol} row={row} loaded={feed.store.loaded} /> : <Head feed={feed} row={rated} />}
      {!isUnknown && (
        <Suspense fallback={<div className="chart-panel waiting" />}>
          <ChartPanel symbol={symbol} address={chart} sources={feed.store.sources} trail={feed.trail} precision={rated === null ? 2 : viewOf(rated).decimals} />
        </Suspense>
      )}
      {rated !== null && <Figures feed={feed} row={rated} preferred={chart.source} />}
      {rated === null && !isUnknown && <Identity symbol={symbol} />}
    </main>
  );
}

function NoRates({ symbol, row, loaded }: { symbol: string; row: InstrumentRow<InstrumentRate> | undefined; loaded: boolean }) {
  const { phase } = useConnection(connection);
  const messages = [...(row?.missing.values() ?? [])].map(missingText);
  return (
    <>
      <h1>{symbol}</h1>
      <p className="nothing" role="status">
        {phase === "refused" ? "There is no such instrument here." : loaded ? <Linked text={messages.join(" ") || "No rate is available."} but={symbol} /> : "Waiting for the first rates…"}
      </p>
    </>
  );
}

/** A text with links to the instruments that it names. */
function Linked({ text, but }: { text: string; but: string }) {
  // Every other part is a symbol.
  return text.split(SYMBOLS).map((part, index) =>
    index % 2 === 1 && part !== but ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: the parts have no other identity
      <a key={index} {...instrumentLink(part)}>
        {part}
      </a>
    ) : (
      part
    ),
  );
}

function Head({ feed, row }: { feed: InstrumentFeed; row: InstrumentRow<InstrumentRate> }) {
  useMarketRow(row, feed.store);
  const price = priceFigure(row);
  const { headline } = viewOf(row);
  const told = leadChange(row);
  const title = headline === null ? `${row.symbol} · Ratewire` : `${price.text} ${row.symbol} · Ratewire`;
  useEffect(() => {
    document.title = title;
  }, [title]);
  useEffect(
    () => () => {
      document.title = "Ratewire · live crypto rates";
    },
    [],
  );
  return (
    <header className="instrument-head">
      <FavouriteCell row={row} isReached />
      <h1>
        {row.base}
        <span className="soft">/{row.quote}</span> <span className="asset">{names.of(row.base)}</span>
      </h1>
      {headline !== null && (
        <p className="now">
          <FigureCell figure={price} /> <FigureCell figure={changeFigure(row, "24h")} /> <span className="soft unit">in 24 h</span> <FigureCell figure={ageFigure(row)} /> <span className="soft unit">old</span> <FigureCell figure={leadFigure(row)} /> <LastTrade at={lastTradeOf(row, headline)} />
          {told !== null && <span className="soft">{told}</span>}
        </p>
      )}
    </header>
  );
}

/** Of the source that leads, or the newest of those in the consensus that leads. */
function lastTradeOf(row: InstrumentRow<InstrumentRate>, { from }: Headline): string | null {
  const sources = from === CONSENSUS ? [...(row.consensus?.used.keys() ?? [])] : [from];
  const times = sources.map((source) => row.quotes.get(source)?.rate.lastTradeAt ?? null).filter((each) => each !== null);
  return times.sort((one, other) => Date.parse(other) - Date.parse(one))[0] ?? null;
}

/** The price may be published again and again long after its trade. */
function LastTrade({ at }: { at: string | null }) {
  const text = useSyncExternalStore(onSecondHand, () => (at === null ? null : formatAge(clock.ageMs(Date.parse(at), Date.now()))));
  if (at === null || text === null) return null;
  return (
    <span className="soft" title={fullTimeText(Date.parse(at))}>
      {`traded ${text} ago`}
    </span>
  );
}

function Figures({ feed, row, preferred }: { feed: InstrumentFeed; row: InstrumentRow<InstrumentRate>; preferred: string | null }) {
  useRow(row, feed.store);
  const consensus = useSyncExternalStore(feed.onConsensus, () => feed.consensus);
  const { sources } = feed.store;
  return (
    <>
      <ConsensusCard consensus={consensus} />
      <h2>By source</h2>
      <Quotes row={row} sources={sources} consensus={consensus} />
      <div className="beside">
        <Trades symbol={row.symbol} sources={sources.filter((source) => row.quotes.get(source)?.rate.lastTradeAt != null)} preferred={preferred} />
        <section aria-labelledby="updates-title">
          <h2 id="updates-title">Last updates</h2>
          <Updates updates={feed.log.updates} sources={sources} />
        </section>
      </div>
      <Identity symbol={row.symbol} />
    </>
  );
}
