// The watchlist that is open, and the dialog that keeps all of them.
import { type FormEvent, memo, useRef, useState } from "react";
import { type Address, formatAddress, go, parseAddress } from "../browser/address";
import { useRemembered } from "../browser/remembered";
import { addList, FAVOURITES, freeName, LONGEST_NAME, removeList, renameList, symbolsOf, watchlists } from "./watchlists";
import { favourites } from "./favourites";

const ALL = "all";
const SHARED = "shared";
const NAMED = "list:";

export const ListPicker = memo(function ListPicker({ address }: { address: Address }) {
  const lists = useRemembered(watchlists);
  const dialog = useRef<HTMLDialogElement>(null);
  const { list, shared } = address;
  const isUnknown = shared === null && list !== null && list !== FAVOURITES && !lists.has(list);
  const choose = (value: string) => {
    if (value !== SHARED) go({ shared: null, list: value === ALL ? null : value.slice(NAMED.length) });
  };
  return (
    <>
      <label className="list-picker">
        <span className="unseen">Watchlist</span>
        <select value={shared !== null ? SHARED : list === null ? ALL : NAMED + list} onChange={({ target }) => choose(target.value)}>
          <option value={ALL}>All instruments</option>
          <option value={NAMED + FAVOURITES}>★ Favourites</option>
          {[...lists.keys()].map((name) => (
            <option key={name} value={NAMED + name}>
              {name}
            </option>
          ))}
          {isUnknown && <option value={NAMED + list}>{list} (not in this browser)</option>}
          {shared !== null && <option value={SHARED}>{shared.name || "Shared list"} (from a link)</option>}
        </select>
      </label>
      {shared !== null && (
        <button type="button" onClick={() => go({ list: addList(shared.name || "Shared list", shared.symbols), shared: null })}>
          Keep list
        </button>
      )}
      <button type="button" onClick={() => dialog.current?.showModal()}>
        Lists
      </button>
      <ListsDialog dialog={dialog} address={address} />
    </>
  );
});

function ListsDialog({ dialog, address }: { dialog: React.RefObject<HTMLDialogElement | null>; address: Address }) {
  const lists = useRemembered(watchlists);
  useRemembered(favourites);
  const [name, setName] = useState("");
  const [said, setSaid] = useState("");
  const add = (event: FormEvent) => {
    event.preventDefault();
    const added = addList(name);
    setName("");
    setSaid(`${added} is open: the stars of the table mark in it.`);
    go({ list: added, shared: null });
  };
  const rename = (list: string, wanted: string) => {
    const renamed = renameList(list, wanted);
    if (address.list === list) go({ list: renamed });
  };
  const share = async (list: string) => {
    const link = new URL(linkOf(list), location.href).href;
    try {
      await navigator.clipboard.writeText(link);
      setSaid("The link is on the clipboard.");
    } catch {
      setSaid(link);
    }
  };
  return (
    <dialog ref={dialog} className="help lists" aria-labelledby="lists-title">
      <h2 id="lists-title">Watchlists</h2>
      <ul>
        {[FAVOURITES, ...lists.keys()].map((list) => (
          <li key={list}>
            {list === FAVOURITES ? (
              <b>★ Favourites</b>
            ) : (
              <input aria-label={`Name of ${list}`} maxLength={LONGEST_NAME} defaultValue={list} onBlur={({ target }) => rename(list, target.value)} />
            )}
            <span className="soft">{symbolsOf(list).size}</span>
            <button type="button" disabled={symbolsOf(list).size === 0} onClick={() => void share(list)}>
              Copy link<span className="unseen"> of {list || "Favourites"}</span>
            </button>
            {list !== FAVOURITES && (
              <button
                type="button"
                onClick={() => {
                  removeList(list);
                  if (address.list === list) go({ list: null });
                }}
              >
                Delete<span className="unseen"> {list}</span>
              </button>
            )}
          </li>
        ))}
      </ul>
      <form onSubmit={add}>
        <label>
          New list <input value={name} maxLength={LONGEST_NAME} placeholder={freeName("My list")} onChange={({ target }) => setName(target.value)} />
        </label>{" "}
        <button type="submit">Add</button>
      </form>
      <p className="soft" role="status">
        {said}
      </p>
      <p className="soft">Lists are kept in this browser. A link carries the instruments of a list, and opens it anywhere.</p>
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}

/** A link that opens the list anywhere, sorted as the table is now. */
function linkOf(list: string): string {
  const { sort, descending } = parseAddress(location.search);
  return formatAddress({ ...parseAddress(""), sort, descending, shared: { name: list || "Favourites", symbols: [...symbolsOf(list)] } });
}
