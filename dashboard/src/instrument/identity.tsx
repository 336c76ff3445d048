// What each source means by the symbol: its own spelling, the asset with its id, and doubts about it.
import { useMemo } from "react";
import { IdentityDocument, type IdentityQueryVariables, type IdentifiedInstrumentFragment } from "../graphql/generated";
import { dateTimeText } from "../browser/times";
import { PolledQuery, usePolled } from "../live/polled-query";
import { sourceName } from "../rates/figures";
import { gateway } from "../stores/session";
import { type Asset, assetId, candidatesOf } from "./candidates";
import { ScrollBox } from "../browser/scroll-box";

/** Assets change by a decision of an operator. */
const PERIOD_MS = 60_000;

export function Identity({ symbol }: { symbol: string }) {
  const query = useMemo(() => {
    const [base = "", quote = ""] = symbol.split("/");
    return new PolledQuery(gateway.client, IdentityDocument, { base, quote, search: base } as IdentityQueryVariables, PERIOD_MS);
  }, [symbol]);
  const { data, problem } = usePolled(query);
  const tracked = data?.tracked?.nodes ?? [];
  if (tracked.length === 0) return problem === null ? null : <p className="soft">{`The identity of the assets cannot be read: ${problem}`}</p>;
  const isSuspect = tracked.some(({ suspectSince }) => suspectSince !== null);
  const candidates = candidatesOf(symbol.split("/")[0] ?? "", [...tracked, ...(data?.similar?.nodes ?? [])]);
  return (
    <section aria-labelledby="identity-title">
      <h2 id="identity-title">What the sources mean</h2>
      <ScrollBox label={`Meaning of ${symbol} at each source`}>
        <table className="figures identity">
          <thead>
            <tr>
              <th scope="col">Source</th>
              <th scope="col">Its name for it</th>
              <th scope="col">Asset</th>
              <th scope="col">Priced in</th>
              <th scope="col">State</th>
            </tr>
          </thead>
          <tbody>
            {tracked.map((instrument) => (
              <tr key={instrument.source.code}>
                <th scope="row">{sourceName(instrument.source.code)}</th>
                <td>{instrument.sourceSymbol}</td>
                <td>
                  <AssetText asset={instrument.baseAsset} />
                </td>
                <td>
                  <AssetText asset={instrument.quoteAsset} />
                </td>
                <td>
                  <State instrument={instrument} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollBox>
      {(isSuspect || candidates.length > 1) && (
        <p className="candidates">
          {isSuspect ? "It may be one of these: " : "Assets with this code: "}
          {candidates.length === 0 ? "no reviewed asset has this code." : candidates.map(({ name, id, code }) => `${name} (${assetId(id)}${code === symbol.split("/")[0] ? "" : `, here ${code}`})`).join(", ")}
        </p>
      )}
    </section>
  );
}

function AssetText({ asset }: { asset: Asset | null }) {
  if (asset === null) return <span className="soft">not reviewed</span>;
  return (
    <>
      {asset.name} <span className="soft">{assetId(asset.id)}</span>
    </>
  );
}

function State({ instrument: { status, sourceStatus, haltedSince, suspectSince } }: { instrument: IdentifiedInstrumentFragment }) {
  if (suspectSince !== null) return <span className="suspect">{`suspect since ${dateTimeText(Date.parse(suspectSince))}`}</span>;
  if (status === "HALTED") return <>{`halted (${sourceStatus ?? "no status"}${haltedSince === null ? "" : `, since ${dateTimeText(Date.parse(haltedSince))}`})`}</>;
  return <>traded</>;
}
