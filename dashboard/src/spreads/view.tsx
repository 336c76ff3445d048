// For each instrument the lowest ask and the highest bid over all sources, and the gap between them, live.
import { useEffect, useMemo, useRef, useState } from "react";
import { type Address, go } from "../browser/address";
import { useShortcut } from "../browser/shortcuts";
import type { SpreadSortKey } from "../browser/view-address";
import { useConnection } from "../live/connection";
import { onSecondHand } from "../live/second-hand";
import { keepWhileVisible } from "../live/visibility";
import { instrumentLink } from "../market/links";
import { formatPrice, sourceName } from "../rates/figures";
import { formatAge } from "../rates/freshness";
import { formatBps } from "../rates/spread";
import { clock, connection, gateway, names } from "../stores/session";
import type { BestQuote, BestQuotes } from "./best-quotes";
import { SpreadsFeed } from "./spreads-feed";
import { type SpreadsRead, SpreadsTable } from "./spreads-table";
import "../styles/spreads.css";

const COLUMNS: readonly [SpreadSortKey, string][] = [
  ["symbol", "Instrument"],
  ["ask", "Lowest ask"],
  ["bid", "Highest bid"],
  ["gap", "Gap"],
  ["age", "Older quote"],
];
const PAGE = 100;

export default function SpreadsView({ address }: { address: Address }) {
  const feed = useMemo(() => new SpreadsFeed(), []);
  const table = useMemo(() => new SpreadsTable(feed, clock), [feed]);
  const searchBox = useRef<HTMLInputElement>(null);
  const [most, setMost] = useState(PAGE);
  useEffect(() => keepWhileVisible(feed), [feed]);
  useEffect(() => void names.load(gateway.client), []);
  useShortcut("/", () => searchBox.current?.select());
  useShortcut("Escape", () => go(address.search === "" ? { view: "market" } : { search: "" }, address.search === "" ? "push" : "replace"));
  const { rows, lonely, doubtful } = useSpreads(table, address);
  const shown = rows.slice(0, most);
  return (
    <main className="page spreads">
      <h1>Spreads between sources</h1>
      <p className="soft">
        The lowest ask and the highest bid of all exchanges for the same pair; USDT and USD are two currencies. The gap is what is between them, before fees: above zero, a buyer at one exchange offers more than a seller at another one asks. Only quotes that are fresh are compared.
      </p>
      <label className="search">
        <span className="unseen">Search symbols and names</span>
        <input ref={searchBox} type="search" placeholder="Search, e.g. bitcoin" autoComplete="off" spellCheck={false} aria-keyshortcuts="/" value={address.search} onChange={({ target }) => go({ search: target.value })} />
      </label>
      {rows.length === 0 ? <Nothing feed={feed} search={address.search} /> : <Table rows={shown} address={address} />}
      {rows.length > most && (
        <button type="button" onClick={() => setMost(most + PAGE)}>
          {`Show more: ${rows.length - most} of ${rows.length} are not shown`}
        </button>
      )}
      <p className="soft">
        {lonely > 0 && `${lonely} not shown: fewer than two exchanges have a fresh quote of the same asset. `}
        {doubtful > 0 && `${doubtful} not shown: the quotes are so far apart that they may be of two assets.`}
      </p>
    </main>
  );
}

/** Read anew every half second. */
function useSpreads(table: SpreadsTable, { spreads, search }: Address): SpreadsRead {
  const [turn, setTurn] = useState(0);
  useEffect(() => onSecondHand(() => setTurn((count) => count + 1)), []);
  return useMemo(() => {
    void turn;
    return table.read(spreads, search, (base) => names.of(base));
  }, [table, spreads, search, turn]);
}

function Table({ rows, address }: { rows: readonly BestQuotes[]; address: Address }) {
  const { sort, descending } = address.spreads;
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label="Best quotes of each instrument">
      <table className="figures best">
        <thead>
          <tr>
            {COLUMNS.map(([key, word]) => (
              <th key={key} scope="col" className={key} aria-sort={key === sort ? (descending ? "descending" : "ascending") : undefined}>
                <button type="button" onClick={() => go({ spreads: { sort: key, descending: key === sort ? !descending : key !== "symbol" } })}>
                  {word}
                  <span aria-hidden="true">{key === sort ? (descending ? " ↓" : " ↑") : ""}</span>
                </button>
              </th>
            ))}
            <th scope="col" className="count">
              Sources
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row key={row.symbol} row={row} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ row: { symbol, ask, bid, gapBps, sources } }: { row: BestQuotes }) {
  const [base = "", quote = ""] = symbol.split("/");
  const isCrossed = gapBps > 0;
  const nowMs = Date.now();
  return (
    <tr>
      <th scope="row" className="symbol">
        <a {...instrumentLink(symbol)}>
          {base}
          <span className="soft">/{quote}</span>
        </a>{" "}
        <span className="asset soft">{names.of(base)}</span>
      </th>
      <QuoteCell quote={ask} side="ask" nowMs={nowMs} />
      <QuoteCell quote={bid} side="bid" nowMs={nowMs} />
      <td className="gap" data-direction={isCrossed ? "up" : "flat"}>
        {`${gapBps > 0 ? "+" : gapBps < 0 ? "−" : ""}${formatBps(Math.abs(gapBps))} bps`}
      </td>
      <td className="age soft">{formatAge(clock.ageMs(Math.min(ask.quotedAtMs, bid.quotedAtMs), nowMs))}</td>
      <td className="count soft">{sources}</td>
    </tr>
  );
}

function QuoteCell({ quote: { source, price, size, quotedAtMs }, side, nowMs }: { quote: BestQuote; side: string; nowMs: number }) {
  return (
    <td className={side} title={size === null ? undefined : `${size} offered`}>
      {formatPrice(price)}
      <span className="via">{`${sourceName(source)}, ${formatAge(clock.ageMs(quotedAtMs, nowMs))}`}</span>
    </td>
  );
}

function Nothing({ feed, search }: { feed: SpreadsFeed; search: string }) {
  const { phase } = useConnection(connection);
  const text =
    phase === "offline"
      ? "The gateway does not answer. This page keeps trying."
      : !feed.store.loaded || !feed.isIdentified
        ? "Waiting for the first quotes…"
        : search !== ""
          ? "No instrument with two fresh quotes matches the search."
          : "No instrument has fresh quotes of two exchanges.";
  return (
    <p className="nothing" role="status">
      {text}
    </p>
  );
}
