// How far the markets value each stablecoin from the one dollar that it promises.
import { useEffect, useMemo, useSyncExternalStore } from "react";
import { keepWhileVisible } from "../live/visibility";
import { type Direction, sourceName } from "../rates/figures";
import { formatFigure } from "../rates/significant";
import { formatBps } from "../rates/spread";
import { clock, connection, gateway } from "../stores/session";
import { type LiveConversion, LiveConversions } from "./live-conversions";
import { RouteAge } from "./route-age";
import { offOneBps, STABLECOINS } from "./stablecoins";
import { ScrollBox } from "../browser/scroll-box";

const DOLLAR = "USD";
/** A hundredth of a basis point. */
const DECIMALS = 6;
/** In basis points: what rounds to nothing has no direction. */
const LEAST_OFF = 0.05;

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
        <ScrollBox label="Stablecoins in US dollars">
          <table className="figures stable">
            <thead>
              <tr>
                <th scope="col">Coin</th>
                <th scope="col">In USD</th>
                <th scope="col">Off one dollar</th>
                <th scope="col">By way of</th>
                <th scope="col" title="Of the oldest rate">Age</th>
              </tr>
            </thead>
            <tbody>
              {valued.map(({ code, name, item }) => (
                <tr key={code}>
                  <th scope="row">
                    {code} <span className="soft">{name}</span>
                  </th>
                  <td title={item.rate}>{formatFigure(item.rate, DECIMALS)}</td>
                  <td data-direction={directionOff(offOneBps(item.rate))}>{offText(offOneBps(item.rate))}</td>
                  <td className="way">{wayText(item)}</td>
                  <td>
                    <RouteAge legs={item.legs} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </ScrollBox>
      )}
      {others.length > 0 && <p className="soft">{`No tracked market connects these with USD: ${others.join(", ")}.`}</p>}
    </section>
  );
}

/** "−1.5 bps". */
function offText(bps: number): string {
  const sign = { up: "+", down: "−", flat: "" }[directionOff(bps)];
  return `${sign}${formatBps(Math.abs(bps))} bps`;
}

function directionOff(bps: number): Direction {
  if (Math.abs(bps) < LEAST_OFF) return "flat";
  return bps > 0 ? "up" : "down";
}

function wayText({ legs }: LiveConversion): string {
  return legs.map(({ rate }) => (rate === null ? "" : `${rate.symbol} ${sourceName(rate.source.code)}`)).join(", ");
}
