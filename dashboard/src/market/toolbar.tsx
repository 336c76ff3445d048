// Search, watchlists, view and export, and the summary of all rates.
import { type RefObject, useState, useSyncExternalStore } from "react";
import type { Address } from "../browser/address";
import { useRemembered } from "../browser/remembered";
import { onSecondHand } from "../live/second-hand";
import { writeNumber } from "../rates/notation";
import type { InstrumentRow } from "../stores/instrument-row";
import { market } from "../stores/session";
import { assetName, type MarketColumn } from "./columns";
import { isOrderHeld } from "./held-order";
import { ListPicker } from "./list-picker";
import { SearchBox } from "./search-box";
import { arrange, tableSettings } from "./table-settings";
import { asCsv, asTabs, saveFile } from "./take-along";
import { tally } from "./tally";
import { ViewDialog } from "./view-dialog";

interface Props {
  address: Address;
  rows: readonly InstrumentRow[];
  selected: Readonly<Record<string, true>>;
  columns: readonly MarketColumn[];
  searchBox: RefObject<HTMLInputElement | null>;
}

export function Toolbar({ address, rows, selected, columns, searchBox }: Props) {
  return (
    <div className="toolbar">
      <SearchBox search={address.search} box={searchBox} />
      <ListPicker address={address} />
      <ViewDialog columns={columns} />
      <TakeAlong rows={rows} selected={selected} columns={columns} />
      <Counts shown={rows.length} />
    </div>
  );
}

/** The selected rows if there are any, otherwise all that the table shows. */
function TakeAlong({ rows, selected, columns }: Pick<Props, "rows" | "selected" | "columns">) {
  const settings = useRemembered(tableSettings);
  const [said, setSaid] = useState("");
  const chosen = rows.filter(({ symbol }) => selected[symbol]);
  const taken = chosen.length > 0 ? chosen : rows;
  const shown = () => arrange(columns, settings).filter(({ id }) => !settings.hidden.has(id));
  const words = chosen.length > 0 ? `${chosen.length} selected` : "all shown";
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(asTabs(taken, shown(), { withHead: true }));
      setSaid(`${taken.length} rows copied`);
    } catch {
      setSaid("The browser forbids it");
    }
  };
  const save = () => saveFile(`ratewire-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}Z.csv`, asCsv(taken, shown(), assetName), "text/csv");
  return (
    <>
      <button type="button" title={`Copy ${words} as a table`} disabled={taken.length === 0} onClick={() => void copy()}>
        Copy{chosen.length > 0 && ` ${chosen.length}`}
      </button>
      <button type="button" title={`Save ${words} as a file`} disabled={taken.length === 0} onClick={save}>
        CSV
      </button>
      <span className="unseen" role="status">
        {said}
      </span>
    </>
  );
}

/** Not an ARIA live region: it changes too often to be announced. */
function Counts({ shown }: { shown: number }) {
  const text = useSyncExternalStore(onSecondHand, describe);
  const isHeld = useSyncExternalStore(onSecondHand, isOrderHeld);
  const total = market.rows.size;
  const part = shown < total ? `${shown} of ${total} shown · ` : "";
  // Both are there, one of them unseen: the rows would jump if the toolbar became lower.
  return (
    <p className="counts">
      <span data-off={isHeld || undefined}>{part + text}</span>
      <span data-off={!isHeld || undefined} title="The rows keep their places while the pointer or the keys are on one of them">
        {`${part}order held`}
      </span>
    </p>
  );
}

function describe(): string {
  const { instruments, rates, byFreshness, missing } = tally(market, Date.now());
  if (instruments === 0) return "";
  const parts = [`${writeNumber(instruments)} instruments`, `${writeNumber(byFreshness.FRESH)} of ${writeNumber(rates)} rates fresh`];
  if (byFreshness.STALE > 0) parts.push(`${byFreshness.STALE} stale`);
  if (byFreshness.EXPIRED > 0) parts.push(`${byFreshness.EXPIRED} expired`);
  if (missing > 0) parts.push(`${missing} not available`);
  return parts.join(" · ");
}
