// Tiles with big figures. Calm: prices change in place, and nothing flashes.
import { type CSSProperties, useEffect, useSyncExternalStore } from "react";
import { clockText } from "../browser/times";
import { type Connection, useConnection } from "../live/connection";
import { onSecondHand } from "../live/second-hand";
import { keepWhileVisible } from "../live/visibility";
import { directionOf, formatChange, formatPrice, sourceName } from "../rates/figures";
import { formatAge } from "../rates/freshness";
import { missingText } from "../rates/missing-words";
import { problemText } from "../shell/problem-text";
import { toggleFullScreen } from "./screen";
import { columnsFor } from "./tiling";
import type { WallAddress } from "./wall-address";
import type { WallFeed } from "./wall-feed";

const IS_SIMULATED = document.documentElement.hasAttribute("data-simulated");
/** The gateway may be away for as long without a word on the board: it says the age of each price. */
const SHORT_LOSS: readonly string[] = ["live", "quiet", "reconnecting", "reloading", "paused"];
/** Widest share of a tile that a digit takes, in hundredths. */
const DIGIT_SHARE = 150;
const LARGEST_SHARE = 22;

interface Props {
  address: WallAddress;
  feed: WallFeed;
  connection: Connection;
}

export function Wall({ address, feed, connection }: Props) {
  useEffect(() => keepWhileVisible(feed), [feed]);
  const state = useConnection(connection);
  const columns = columnsFor(address.symbols.length);
  const problem = problemText(state);
  return (
    <main className="wall" data-phase={state.phase} style={{ "--columns": columns } as CSSProperties}>
      <header>
        <h1>{address.title || "Live rates"}</h1>
        {IS_SIMULATED && <p className="simulated">Simulated data</p>}
        <p className="wall-state" role="status">
          {problem ?? (SHORT_LOSS.includes(state.phase) ? "" : "Connecting…")}
        </p>
        <Clock />
        <button type="button" onClick={toggleFullScreen}>
          Full screen
        </button>
      </header>
      <ul>
        {address.symbols.map((symbol) => (
          <Tile key={symbol} symbol={symbol} feed={feed} />
        ))}
      </ul>
    </main>
  );
}

function Clock() {
  const text = useSyncExternalStore(onSecondHand, () => clockText(Date.now()));
  return <time>{text}</time>;
}

function Tile({ symbol, feed }: { symbol: string; feed: WallFeed }) {
  const { store } = feed;
  // A new text only when something on the tile changes.
  const face = useSyncExternalStore(
    (listener) => {
      const ends = [store.onRow(symbol, listener), store.onShape(listener), onSecondHand(listener)];
      return () => {
        for (const end of ends) end();
      };
    },
    () => faceOf(symbol, feed),
  );
  void face;
  const row = store.rows.get(symbol);
  const nowMs = Date.now();
  const quote = row === undefined ? null : feed.quote(row, nowMs);
  const [base, asset] = symbol.split("/");
  if (row === undefined || quote === null) {
    const missing = [...(row?.missing.values() ?? [])][0];
    return (
      <li className="tile" data-freshness="NONE">
        <h2>
          {base}
          <span>/{asset}</span>
        </h2>
        <p className="figure">–</p>
        <p className="foot">{missing === undefined ? (store.loaded ? "Not available" : "Waiting for the first price") : missingText(missing)}</p>
      </li>
    );
  }
  const freshness = row.freshness(quote, store.clock, nowMs);
  const price = formatPrice(quote.rate.price);
  const change = quote.rate.changePercent24h;
  return (
    <li className="tile" data-freshness={freshness} style={{ "--size": `${Math.min(LARGEST_SHARE, DIGIT_SHARE / price.length)}cqw` } as CSSProperties}>
      <h2>
        {base}
        <span>/{asset}</span>
      </h2>
      <p className="figure">{price}</p>
      <p className="foot">
        {change !== null && (
          <span>
            <span data-direction={directionOf(change)}>{formatChange(change)}</span> in 24 h
          </span>
        )}
        <span>{sourceName(quote.rate.source.code)}</span>
        <span className="tile-age">
          {freshness === "FRESH" ? "" : `${freshness.toLowerCase()}, `}
          {formatAge(store.clock.ageMs(quote.observedAtMs, nowMs))} old
        </span>
      </p>
    </li>
  );
}

function faceOf(symbol: string, feed: WallFeed): string {
  const row = feed.store.rows.get(symbol);
  if (row === undefined) return feed.store.loaded ? "none" : "waiting";
  const nowMs = Date.now();
  const quote = feed.quote(row, nowMs);
  if (quote === null) return `missing ${row.version}`;
  return `${row.version} ${quote.rate.source.code} ${row.freshness(quote, feed.store.clock, nowMs)} ${formatAge(feed.store.clock.ageMs(quote.observedAtMs, nowMs))}`;
}
