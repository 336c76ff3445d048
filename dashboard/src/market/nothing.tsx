// The message that replaces an empty table, with the action to take.
import { type Address, go } from "../browser/address";
import { useConnection } from "../live/connection";
import { connection, market } from "../stores/session";
import { FAVOURITES } from "./watchlists";

/** `isWaiting`: the rows are there, and their order is not. */
export function Nothing({ address, isWaiting }: { address: Address; isWaiting: boolean }) {
  const { phase, hasNetwork } = useConnection(connection);
  if (isWaiting) return <Waiting />;
  if (market.rows.size > 0) return address.search !== "" ? <NoMatch search={address.search} /> : <EmptyList address={address} />;
  if (market.loaded) return <p className="nothing">No instruments yet. They appear here as soon as the operator of this server adds some.</p>;
  if (phase === "offline") {
    return <p className="nothing">{hasNetwork ? "The server cannot be reached. This page keeps trying, and fills as soon as it answers." : "The table fills as soon as the network is back."}</p>;
  }
  return <Waiting />;
}

function Waiting() {
  return (
    <div className="nothing waiting" role="status">
      <span className="unseen">Waiting for the first rates</span>
      {Array.from({ length: 12 }, (_, line) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: twelve equal lines
        <div key={line} className="skeleton" />
      ))}
    </div>
  );
}

function NoMatch({ search }: { search: string }) {
  return (
    <div className="nothing" role="status">
      <p>
        Nothing here matches <b>{search}</b>.
      </p>
      <button type="button" onClick={() => go({ search: "", list: null, shared: null })}>
        Show all instruments
      </button>
    </div>
  );
}

function EmptyList({ address: { list, shared } }: { address: Address }) {
  const name = shared !== null ? shared.name : list;
  return (
    <div className="nothing" role="status">
      {shared !== null ? (
        <p>None of the instruments in this link is tracked here.</p>
      ) : (
        <p>
          {list === FAVOURITES ? "No favourites yet." : `Nothing is in ${name} yet.`} Mark an instrument with its star, or with <kbd>f</kbd>.
        </p>
      )}
      <button type="button" onClick={() => go({ list: null, shared: null })}>
        Show all instruments
      </button>
    </div>
  );
}
