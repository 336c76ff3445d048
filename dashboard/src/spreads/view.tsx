// For each asset, or pair, the lowest ask and the highest bid over all sources, and the gap between them, live.
import { type RefObject, useEffect, useMemo, useRef, useState } from "react";
import { type Address, go } from "../browser/address";
import { isOnRows } from "../browser/on-rows";
import { useShortcut } from "../browser/shortcuts";
import { SPREAD_ROWS, type SpreadRows, type SpreadSortKey } from "../browser/view-address";
import { useConnection } from "../live/connection";
import { onSecondHand } from "../live/second-hand";
import { keepWhileVisible } from "../live/visibility";
import { instrumentLink } from "../market/links";
import { sourceName } from "../rates/figures";
import { formatAge } from "../rates/freshness";
import { formatFigure, fractionLength } from "../rates/significant";
import { formatBps } from "../rates/spread";
import { clock, connection, gateway, names } from "../stores/session";
import type { BestQuote, BestQuotes } from "./best-quotes";
import { oldestMs } from "./ordered";
import { SpreadsFeed } from "./spreads-feed";
import { type SpreadsRead, SpreadsTable } from "./spreads-table";
import "../styles/spreads.css";
import { ScrollBox } from "../browser/scroll-box";

const ROWS_WORD: Record<SpreadRows, string> = { asset: "Assets", pair: "Pairs" };
const HEAD_WORD: Record<SpreadRows, string> = { asset: "Asset", pair: "Pair" };
const COLUMNS: readonly [SpreadSortKey, string][] = [
  ["symbol", ""],
  ["ask", "Lowest ask"],
  ["bid", "Highest bid"],
  ["gap", "Gap"],
  ["age", "Oldest"],
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
  const body = useRef<HTMLTableSectionElement>(null);
  const { rows, lonely, doubtful, isHeld } = useSpreads(table, address, body);
  const shown = rows.slice(0, most);
  return (
    <main className="page spreads">
      <h1>Spreads between sources</h1>
      <p className="soft">
        The lowest ask and the highest bid of all exchanges, and the gap between them, before fees: above zero, a buyer at one exchange offers more than a
        seller at another one asks. Only quotes that are fresh are compared. Prices in two currencies are compared by their values in US dollars.
      </p>
      <div className="spread-tools">
        <label className="search">
          <span className="unseen">Search symbols and names</span>
          <input ref={searchBox} type="search" placeholder="Search, e.g. bitcoin" autoComplete="off" spellCheck={false} aria-keyshortcuts="/" value={address.search} onChange={({ target }) => go({ search: target.value })} />
        </label>
        <RowsChoice address={address} />
        <p className="held soft" role="status">
          {isHeld && "The rows keep their places while you are on one of them."}
        </p>
      </div>
      {rows.length === 0 ? <Nothing feed={feed} search={address.search} /> : <Table rows={shown} address={address} body={body} />}
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

function RowsChoice({ address: { spreads } }: { address: Address }) {
  return (
    <div className="choice" role="group" aria-label="Rows">
      {SPREAD_ROWS.map((rows) => (
        <button key={rows} type="button" aria-pressed={rows === spreads.rows} onClick={() => go({ spreads: { ...spreads, rows } })}>
          {ROWS_WORD[rows]}
        </button>
      ))}
    </div>
  );
}

/** Read anew every half second, for the ages. */
function useSpreads(table: SpreadsTable, { spreads, search }: Address, body: RefObject<HTMLElement | null>): SpreadsRead {
  const [turn, setTurn] = useState({ isInUse: false });
  useEffect(() => onSecondHand(() => setTurn({ isInUse: isOnRows(body.current) })), [body]);
  return useMemo(() => table.read(spreads, search, (base) => names.of(base), turn.isInUse), [table, spreads, search, turn]);
}

interface TableProps {
  rows: readonly BestQuotes[];
  address: Address;
  body: RefObject<HTMLTableSectionElement | null>;
}

function Table({ rows, address: { spreads }, body }: TableProps) {
  const { sort, descending } = spreads;
  return (
    <ScrollBox label="Best quotes">
      <table className="figures best" data-rows={spreads.rows}>
        <thead>
          <tr>
            {COLUMNS.map(([key, word]) => (
              <th key={key} scope="col" className={key} aria-sort={key === sort ? (descending ? "descending" : "ascending") : undefined}>
                <button type="button" onClick={() => go({ spreads: { ...spreads, sort: key, descending: key === sort ? !descending : key !== "symbol" } })}>
                  {word || HEAD_WORD[spreads.rows]}
                  <span aria-hidden="true">{key === sort ? (descending ? " ↓" : " ↑") : ""}</span>
                </button>
              </th>
            ))}
            <th scope="col" className="count">
              Sources
            </th>
          </tr>
        </thead>
        <tbody ref={body}>
          {rows.map((row) => (spreads.rows === "asset" ? <AssetRow key={row.key} row={row} /> : <PairRow key={row.key} row={row} />))}
        </tbody>
      </table>
    </ScrollBox>
  );
}

function AssetRow({ row }: { row: BestQuotes }) {
  const [base = ""] = row.ask.symbol.split("/");
  return (
    <tr>
      <th scope="row" className="symbol">
        {base} <span className="asset soft">{names.of(base)}</span>
      </th>
      <QuoteCell quote={row.ask} side="ask" decimals={decimalsOf(row)} hasCurrency />
      <QuoteCell quote={row.bid} side="bid" decimals={decimalsOf(row)} hasCurrency />
      <GapCells row={row} />
    </tr>
  );
}

function PairRow({ row }: { row: BestQuotes }) {
  const [base = "", quote = ""] = row.key.split("/");
  return (
    <tr>
      <th scope="row" className="symbol">
        <a {...instrumentLink(row.key)}>
          {base}
          <span className="soft">/{quote}</span>
        </a>{" "}
        <span className="asset soft">{names.of(base)}</span>
      </th>
      <QuoteCell quote={row.ask} side="ask" decimals={decimalsOf(row)} />
      <QuoteCell quote={row.bid} side="bid" decimals={decimalsOf(row)} />
      <GapCells row={row} />
    </tr>
  );
}

function GapCells({ row }: { row: BestQuotes }) {
  const { gapBps, sources, valuedAtMs } = row;
  const nowMs = Date.now();
  return (
    <>
      <td className="gap" data-direction={gapBps > 0 ? "up" : "flat"}>
        {`${gapBps > 0 ? "+" : gapBps < 0 ? "−" : ""}${formatBps(Math.abs(gapBps))} bps`}
        {valuedAtMs !== null && <span className="via">{`valued in USD, ${formatAge(clock.ageMs(valuedAtMs, nowMs))}`}</span>}
      </td>
      <td className="age soft">{formatAge(clock.ageMs(oldestMs(row), nowMs))}</td>
      <td className="count soft">{sources}</td>
    </>
  );
}

/** Prices that are compared have one number of decimals. */
function decimalsOf({ ask, bid }: BestQuotes): number {
  return Math.max(fractionLength(ask.price), fractionLength(bid.price));
}

interface QuoteCellProps {
  quote: BestQuote;
  side: string;
  decimals: number;
  hasCurrency?: boolean;
}

function QuoteCell({ quote: { source, symbol, price, quotedAtMs }, side, decimals, hasCurrency = false }: QuoteCellProps) {
  const [, currency = ""] = symbol.split("/");
  return (
    <td className={side} title={`${price} ${currency}`}>
      {hasCurrency ? (
        <a {...instrumentLink(symbol)}>
          {formatFigure(price, decimals)} <span className="soft">{currency}</span>
        </a>
      ) : (
        formatFigure(price, decimals)
      )}
      <span className="via">{`${sourceName(source)}, ${formatAge(clock.ageMs(quotedAtMs, Date.now()))}`}</span>
    </td>
  );
}

function Nothing({ feed, search }: { feed: SpreadsFeed; search: string }) {
  const { phase } = useConnection(connection);
  const text =
    phase === "offline"
      ? "The gateway does not answer. This page keeps trying."
      : !feed.book.loaded || feed.book.assets === null
        ? waitingText(feed)
        : search !== ""
          ? "Nothing with two fresh quotes matches the search."
          : "Nothing has fresh quotes of two exchanges.";
  return (
    <p className="nothing" role="status">
      {text}
    </p>
  );
}

function waitingText({ book, identities }: SpreadsFeed): string {
  if (book.assets !== null || !identities.hasFailed) return "Waiting for the first quotes…";
  return "The server has not answered yet which quotes are of the same assets. The page asks again.";
}
