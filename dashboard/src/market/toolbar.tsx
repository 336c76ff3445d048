// Search, favourites, and the summary of all rates.
import { type KeyboardEvent, type RefObject, useSyncExternalStore } from "react";
import { type Address, go } from "../browser/address";
import { onSecondHand } from "../live/second-hand";
import { market } from "../stores/session";
import { tally } from "./tally";

interface Props {
  address: Address;
  shown: number;
  searchBox: RefObject<HTMLInputElement | null>;
}

export function Toolbar({ address, shown, searchBox }: Props) {
  return (
    <div className="toolbar">
      <label className="search">
        <span className="unseen">Search symbols, names and sources</span>
        <input
          ref={searchBox}
          type="search"
          placeholder="Search, e.g. bitcoin"
          autoComplete="off"
          spellCheck={false}
          aria-keyshortcuts="/"
          value={address.search}
          onChange={({ target }) => go({ search: target.value })}
          onKeyDown={intoTable}
        />
        <kbd aria-hidden="true">/</kbd>
      </label>
      <button type="button" className="toggle" aria-pressed={address.favouritesOnly} onClick={() => go({ favouritesOnly: !address.favouritesOnly })}>
        <span aria-hidden="true">★</span> Favourites
      </button>
      <Counts shown={shown} />
    </div>
  );
}

/** Moves the focus from the search to its results. */
function intoTable(event: KeyboardEvent): void {
  if (!["Enter", "ArrowDown"].includes(event.key) || event.nativeEvent.isComposing) return;
  event.preventDefault();
  document.getElementById("market")?.focus();
}

/** Not an ARIA live region: it changes too often to be announced. */
function Counts({ shown }: { shown: number }) {
  const text = useSyncExternalStore(onSecondHand, describe);
  const total = market.rows.size;
  return (
    <p className="counts">
      {shown < total && <span>{`${shown} of ${total} shown · `}</span>}
      {text}
    </p>
  );
}

function describe(): string {
  const { instruments, rates, byFreshness, missing } = tally(market, Date.now());
  if (instruments === 0) return "";
  const parts = [`${instruments.toLocaleString("en")} instruments`, `${byFreshness.FRESH.toLocaleString("en")} of ${rates.toLocaleString("en")} rates fresh`];
  if (byFreshness.STALE > 0) parts.push(`${byFreshness.STALE} stale`);
  if (byFreshness.EXPIRED > 0) parts.push(`${byFreshness.EXPIRED} expired`);
  if (missing > 0) parts.push(`${missing} not available`);
  return parts.join(" · ");
}
