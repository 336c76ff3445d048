// How the table looks: density, grouping, and which columns there are in which order.
import { type KeyboardEvent, memo, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { useRemembered } from "../browser/remembered";
import { NAME } from "./column-ids";
import type { MarketColumn } from "./columns";
import { arrange, changeSettings, moveColumn, resetColumns, showColumn, tableSettings } from "./table-settings";

/** Its list of columns is made when it is first opened. */
export const ViewDialog = memo(function ViewDialog({ columns }: { columns: readonly MarketColumn[] }) {
  const [isMade, setMade] = useState(false);
  const dialog = useRef<HTMLDialogElement>(null);
  const settings = useRemembered(tableSettings);
  const all = isMade ? arrange(columns, settings) : [];
  const open = () => {
    flushSync(() => setMade(true));
    dialog.current?.showModal();
  };
  const onKeyDown = (event: KeyboardEvent, id: string) => {
    const by = event.altKey ? { ArrowUp: -1, ArrowDown: 1 }[event.key] : undefined;
    if (by === undefined) return;
    event.preventDefault();
    moveColumn(all, id, by);
  };
  return (
    <>
      <button type="button" onClick={open}>
        View
      </button>
      <dialog ref={dialog} className="help view" aria-labelledby="view-title">
        <h2 id="view-title">View</h2>
        <p>
          <label>
            <input type="checkbox" checked={settings.isGrouped} onChange={({ target }) => changeSettings({ isGrouped: target.checked })} /> Group by asset
          </label>
          <label>
            <input type="checkbox" checked={settings.isCompact} onChange={({ target }) => changeSettings({ isCompact: target.checked })} /> Compact rows
          </label>
        </p>
        <fieldset>
          <legend>
            Columns <span className="soft">(Alt ↑ ↓ moves one; in the table drag its head, or Alt ← →)</span>
          </legend>
          <ol>
            {all.map(({ id, long }, place) => (
              <li key={id} onKeyDown={(event) => onKeyDown(event, id)}>
                <label>
                  <input type="checkbox" checked={!settings.hidden.has(id)} disabled={id === NAME} onChange={({ target }) => showColumn(id, target.checked)} /> {long}
                </label>
                {id !== NAME && (
                  <span>
                    <button type="button" aria-label={`Move ${long} up`} disabled={place === 1} onClick={() => moveColumn(all, id, -1)}>
                      ↑
                    </button>
                    <button type="button" aria-label={`Move ${long} down`} disabled={place === all.length - 1} onClick={() => moveColumn(all, id, 1)}>
                      ↓
                    </button>
                  </span>
                )}
              </li>
            ))}
          </ol>
        </fieldset>
        <form method="dialog">
          <button type="button" onClick={resetColumns}>
            First columns again
          </button>{" "}
          <button type="submit">Close</button>
        </form>
      </dialog>
    </>
  );
});
