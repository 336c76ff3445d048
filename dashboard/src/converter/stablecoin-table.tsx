// How far the markets value each stablecoin from the one dollar that it promises.
import { useEffect, useMemo, useSyncExternalStore } from "react";
import { keepWhileVisible } from "../live/visibility";
import { formatPrice, sourceName } from "../rates/figures";
import { formatBps } from "../rates/spread";
import { clock, connection, gateway } from "../stores/session";
import { type LiveConversion, LiveConversions } from "./live-conversions";
import { RouteAge } from "./route-age";
import { offOneBps, STABLECOINS } from "./stablecoins";

const DOLLAR = "USD";

export function StablecoinTable() {
  const conversions = useMemo(() => new LiveConversions(gateway, clock, connection, STABLECOINS.map(({ code }) => ({ amount: "1", from: code, to: DOLLAR }))), []);
  useEffect(() => keepWhileVisible(conversions), [conversions]);
  const { items } = useSyncExternalStore(conversions.onChange, conversions.read);
  const valued = STABLECOINS.flatMap((coin) => {
    const item = items.get(coin.code);
    return item === undefined ? [] : [{ ...coin, item }];
  });
  const others = STABLECOINS.filter(({ code }) => !items.has(code)).map(({ code }) => code);
  return (
    <section aria-labelledby="stable-title">
      <h2 id="stable-title">Stablecoins: distance from one dollar</h2>
      {valued.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label="Stablecoins in US dollars">
          <table className="figures stable">
            <thead>
              <tr>
                <th scope="col">Stablecoin</th>
                <th scope="col">In USD</th>
                <th scope="col">Off one dollar</th>
                <th scope="col">By way of</th>
                <th scope="col">Oldest rate</th>
              </tr>
            </thead>
            <tbody>
              {valued.map(({ code, name, item }) => (
                <tr key={code}>
                  <th scope="row">
                    {code} <span className="soft">{name}</span>
                  </th>
                  <td>{formatPrice(item.rate)}</td>
                  <td data-direction={offOneBps(item.rate) < 0 ? "down" : "up"}>{offText(item.rate)}</td>
                  <td>{wayText(item)}</td>
                  <td>
                    <RouteAge legs={item.legs} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {others.length > 0 && <p className="soft">{`No tracked market connects these with USD: ${others.join(", ")}.`}</p>}
    </section>
  );
}

/** "−1.5 bps". */
function offText(rate: string): string {
  const bps = offOneBps(rate);
  const text = formatBps(Math.abs(bps));
  return `${text === "0.0" ? "" : bps > 0 ? "+" : "−"}${text} bps`;
}

function wayText({ legs }: LiveConversion): string {
  return legs.map(({ rate }) => (rate === null ? "" : `${rate.symbol} ${sourceName(rate.source.code)}`)).join(", ");
}
