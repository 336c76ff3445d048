// A table of live rates, each known to be fresh or shown as not.
import { useQuery } from "@apollo/client/react";
import { useEffect, useState } from "react";
import { applyEvent, LIVE, RATES, type RatesEvent } from "./rates";

/** The server's time in milliseconds, so that a wrong clock of this machine does no harm; renders again each second. */
function useServerTime(sentAt: string | undefined): number {
  const [now, setNow] = useState(Date.now);
  const [ahead, setAhead] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  useEffect(() => {
    if (sentAt) setAhead(Date.parse(sentAt) - Date.now());
  }, [sentAt]);
  return now + ahead;
}

function describe({ recovered, items }: RatesEvent): string {
  return recovered ? `Nothing was missed: ${items.length} changed meanwhile.` : "Something may have been missed.";
}

export function LiveRates({ symbols, isConnected }: { symbols: string[]; isConnected: boolean }) {
  const { data, error, subscribeToMore } = useQuery(RATES, { variables: { symbols } });
  const [proof, setProof] = useState("");
  const now = useServerTime(data?.rates?.sentAt);
  const after = data?.rates?.cursor;

  useEffect(() => {
    if (!isConnected) setProof("");
  }, [isConnected]);
  useEffect(() => {
    if (!after) return undefined;
    return subscribeToMore({
      document: LIVE,
      variables: { symbols, after },
      updateQuery: (_held, { complete, previousData, subscriptionData }) => {
        const event = subscriptionData.data.rates;
        if (!complete || !previousData.rates || !event) return undefined;
        if (event.kind === "SNAPSHOT") setProof(describe(event));
        return { rates: applyEvent(previousData.rates, event) };
      },
    });
  }, [subscribeToMore, symbols, after]);

  if (error) return <p role="alert">{error.message}</p>;
  if (!data?.rates) return <p>Waiting for rates.</p>;
  const rates = data.rates.items.toSorted((a, b) => a.id.localeCompare(b.id));
  return (
    <>
      <p role="status">
        {isConnected ? "Live." : "Not connected."} {proof}
      </p>
      <table>
        <thead>
          <tr><th>Symbol</th><th>Source</th><th>Price</th><th>State</th></tr>
        </thead>
        <tbody>
          {rates.map(({ id, symbol, source, price, expiresAt }) => {
            const isFresh = now <= Date.parse(expiresAt);
            return (
              <tr key={id} className={isFresh ? "" : "not-fresh"}>
                <td>{symbol}</td><td>{source.name}</td><td>{price}</td><td>{isFresh ? "fresh" : "not fresh"}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {data.rates.unavailable.map(({ symbol, source, message }) => <p key={`${symbol} ${source?.code}`}>{message}</p>)}
    </>
  );
}
