// The last trades of one source, the newest first. Not an ARIA live region: a screen reader would announce trades without end.
import { Fragment, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { keepWhileVisible } from "../live/visibility";
import { formatPrice, sourceName } from "../rates/figures";
import { gateway } from "../stores/session";
import { TradesFeed } from "./trades-feed";
import { exactTimeText } from "./updates";
import { ScrollBox } from "../browser/scroll-box";

const SIDE_WORD = { BUY: "▲ buy", SELL: "▼ sell" } as const;

interface Props {
  symbol: string;
  /** Exchanges: aggregators publish no trades. */
  sources: readonly string[];
  /** That of the chart. */
  preferred: string | null;
}

export function Trades({ symbol, sources, preferred }: Props) {
  const [chosen, setChosen] = useState<string | null>(null);
  const source = [chosen, preferred, sources[0] ?? null].find((each) => each !== null && sources.includes(each)) ?? null;
  if (source === null) return null;
  return (
    <section aria-labelledby="trades-title">
      <div className="titled">
        <h2 id="trades-title">Last trades</h2>
        <select aria-label="Source of the trades" value={source} onChange={({ target }) => setChosen(target.value)}>
          {sources.map((each) => (
            <option key={each} value={each}>
              {sourceName(each)}
            </option>
          ))}
        </select>
      </div>
      <TradesOf key={source} symbol={symbol} source={source} />
    </section>
  );
}

function TradesOf({ symbol, source }: { symbol: string; source: string }) {
  const feed = useMemo(() => new TradesFeed(gateway.client, symbol, source), [symbol, source]);
  useEffect(() => keepWhileVisible(feed), [feed]);
  const { trades, isLoaded, problem } = useSyncExternalStore(feed.onChange, feed.read);
  const [base = "", quote = ""] = symbol.split("/");
  if (trades.length === 0) {
    return <p className="soft">{problem !== null ? `The trades cannot be read: ${problem}` : isLoaded ? `No trades of ${symbol} by ${sourceName(source)} are recorded yet.` : "Reading the trades…"}</p>;
  }
  return (
    <>
      {problem !== null && <p className="soft">{`No newer trades: ${problem}`}</p>}
      <ScrollBox label={`Last trades of ${symbol} by ${sourceName(source)}, newest first`} className="updates">
        <table className="figures trades">
          <thead>
            <tr>
              <th scope="col">Time</th>
              <th scope="col">Taker</th>
              <th scope="col">{`Price, ${quote}`}</th>
              <th scope="col">{`Amount, ${base}`}</th>
              <th scope="col">Id of the source</th>
            </tr>
          </thead>
          <tbody>
            {trades.map(({ sourceTradeId, price, quantity, time, side, count, afterGap }, index) => (
              <Fragment key={sourceTradeId}>
                <tr>
                  <th scope="row" title={time}>
                    {exactTimeText(time)}
                  </th>
                  <td data-direction={side === null ? "flat" : side === "BUY" ? "up" : "down"}>{side === null ? "–" : SIDE_WORD[side]}</td>
                  <td>{formatPrice(price)}</td>
                  <td>{formatPrice(quantity)}</td>
                  <td className="soft">{`${sourceTradeId}${count > 1 ? ` (${count} trades)` : ""}`}</td>
                </tr>
                {afterGap && index < trades.length - 1 && (
                  <tr className="missing">
                    <td colSpan={5}>trades may be missing here</td>
                  </tr>
                )}
              </Fragment>
            ))}
          </tbody>
        </table>
      </ScrollBox>
    </>
  );
}
