// The last trades of one source, the newest first. Not an ARIA live region: a screen reader would announce trades without end.
import { useMemo, useState } from "react";
import { LastTradesDocument, type LastTradesQuery, type LastTradesQueryVariables } from "../graphql/generated";
import { PolledQuery, usePolled } from "../live/polled-query";
import { formatPrice, sourceName } from "../rates/figures";
import { gateway } from "../stores/session";
import { exactTimeText } from "./updates";

type Trade = NonNullable<LastTradesQuery["trades"]>[number];

const SHOWN = 50;
const PERIOD_MS = 2_000;
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
  const query = useMemo(
    () => new PolledQuery(gateway.client, LastTradesDocument, { symbol, source, last: SHOWN } as LastTradesQueryVariables, PERIOD_MS),
    [symbol, source],
  );
  const { data, problem } = usePolled(query);
  const [base = "", quote = ""] = symbol.split("/");
  const trades: readonly Trade[] = data?.trades ?? [];
  if (trades.length === 0) {
    return <p className="soft">{problem !== null ? `The trades cannot be read: ${problem}` : data === null ? "Reading the trades…" : `No trades of ${symbol} by ${sourceName(source)} are recorded yet.`}</p>;
  }
  return (
    <>
      {problem !== null && <p className="soft">{`No newer trades: ${problem}`}</p>}
      <div className="scroll updates" tabIndex={0} role="region" aria-label={`Last trades of ${symbol} by ${sourceName(source)}, newest first`}>
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
            {trades.toReversed().map(({ sourceTradeId, price, quantity, time, side, count }) => (
              <tr key={sourceTradeId}>
                <th scope="row" title={time}>
                  {exactTimeText(time)}
                </th>
                <td data-direction={side === null ? "flat" : side === "BUY" ? "up" : "down"}>{side === null ? "–" : SIDE_WORD[side]}</td>
                <td>{formatPrice(price)}</td>
                <td>{formatPrice(quantity)}</td>
                <td className="soft">{`${sourceTradeId}${count > 1 ? ` (${count} trades)` : ""}`}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
