// The result of a conversion with its route: each leg with the price it uses, its source and its age.
import { instrumentLink } from "../market/links";
import { formatPrice, sourceName } from "../rates/figures";
import type { Conversions } from "./live-conversions";
import { type Leg, RouteAge } from "./route-age";
import { ScrollBox } from "../browser/scroll-box";

export function ConversionResult({ state, from, to }: { state: Conversions; from: string; to: string }) {
  const { items, missing, refusal, isLive } = state;
  const [item, lack] = [items.get(from), missing.get(from)];
  if (refusal !== null) return <Message text={`The gateway refuses this: ${refusal}`} />;
  if (lack !== undefined && lack.to === to) return <Message text={`There is no answer: ${lack.message}`} />;
  if (item === undefined || item.to !== to) return <Message text="Waiting for the result…" />;
  return (
    <section className="result" aria-labelledby="result-title" data-live={isLive}>
      <h2 id="result-title" className="unseen">
        Result
      </h2>
      <p className="figure">
        <span className="given">{`${formatPrice(item.amount)} ${item.from} =`}</span> <output title={item.result}>{formatPrice(item.result)}</output> <span className="unit">{item.to}</span>
      </p>
      <dl className="facts">
        <div>
          <dt>{`1 ${item.from}`}</dt>
          <dd>{`${formatPrice(item.rate)} ${item.to}`}</dd>
        </div>
        <div>
          <dt>Oldest rate</dt>
          <dd>
            <RouteAge legs={item.legs} />
            {!isLive && <span className="soft"> not up to date: no connection</span>}
          </dd>
        </div>
        {item.simulated && (
          <div>
            <dt>Prices</dt>
            <dd>simulated</dd>
          </div>
        )}
      </dl>
      <Route legs={item.legs} />
    </section>
  );
}

/** Results change all the time and are not announced; that there is none is. */
function Message({ text }: { text: string }) {
  return (
    <p className="result nothing" role="status">
      {text}
    </p>
  );
}

function Route({ legs }: { legs: readonly Leg[] }) {
  if (legs.length === 0) return <p className="soft">Both are the same asset: no rate is needed.</p>;
  return (
    <ScrollBox label="Route of the conversion">
      <table className="figures route">
        <thead>
          <tr>
            <th scope="col">Step</th>
            <th scope="col">Price</th>
            <th scope="col">Market</th>
            <th scope="col">Age</th>
          </tr>
        </thead>
        <tbody>
          {legs.map((leg) => (
            <tr key={`${leg.from} ${leg.to}`}>
              <th scope="row">{`${leg.from} → ${leg.to}`}</th>
              <td>
                {`${leg.operation === "MULTIPLY" ? "×" : "÷"} ${formatPrice(leg.usedPrice)}`}
                {leg.basis === "MID" && <span className="soft"> mid</span>}
              </td>
              <td className="way">
                {leg.rate === null ? (
                  "taken as one dollar"
                ) : (
                  <>
                    <a {...instrumentLink(leg.rate.symbol)}>{leg.rate.symbol}</a> <span className="soft">{sourceName(leg.rate.source.code)}</span>
                  </>
                )}
              </td>
              <td><RouteAge legs={[leg]} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollBox>
  );
}
