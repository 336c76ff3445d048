// The search, with completion of its filters: a combobox whose list opens while the last word begins a filter.
import { type KeyboardEvent, type RefObject, useMemo, useState } from "react";
import { go } from "../browser/address";
import { market } from "../stores/session";
import { type Completion, completionsOf } from "./search-query";

interface Props {
  search: string;
  box: RefObject<HTMLInputElement | null>;
}

const MOST_SHOWN = 8;

export function SearchBox({ search, box }: Props) {
  const [isFocused, setFocused] = useState(false);
  const [isClosed, setClosed] = useState(false);
  const [at, setAt] = useState(-1);
  const completions = useMemo(() => completionsOf(search, market.sources, quoteAssets()).slice(0, MOST_SHOWN), [search]);
  const isOpen = isFocused && !isClosed && completions.length > 0;
  const chosen = isOpen ? completions[at] : undefined;

  const change = (text: string) => {
    setClosed(false);
    setAt(-1);
    go({ search: text });
  };
  const accept = (completion: Completion) => {
    change(completion.text);
    box.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    const { key } = event;
    if (isOpen && (key === "ArrowDown" || key === "ArrowUp")) setAt((at + (key === "ArrowDown" ? 1 : -1) + completions.length + (at < 0 && key === "ArrowUp" ? 1 : 0)) % completions.length);
    else if (isOpen && key === "Escape") setClosed(true);
    else if (chosen !== undefined && (key === "Enter" || (key === "Tab" && !event.shiftKey))) accept(chosen);
    else if (isOpen && completions.length === 1 && key === "Tab" && !event.shiftKey && completions[0]) accept(completions[0]);
    else if (key === "Enter" || key === "ArrowDown") document.getElementById("market")?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div className="search">
      <label>
        <span className="unseen">Search symbols and names, or filter by source:, quote:, stale, suspect</span>
        <input
          ref={box}
          type="search"
          role="combobox"
          placeholder="Search, e.g. bitcoin"
          autoComplete="off"
          spellCheck={false}
          aria-keyshortcuts="/"
          aria-autocomplete="list"
          aria-expanded={isOpen}
          aria-controls="completions"
          aria-activedescendant={chosen === undefined ? undefined : `completion-${at}`}
          value={search}
          onChange={({ target }) => change(target.value)}
          onKeyDown={onKeyDown}
          onFocus={() => setFocused(true)}
          onBlur={() => setFocused(false)}
        />
      </label>
      <kbd aria-hidden="true">/</kbd>
      <div id="completions" role="listbox" aria-label="Filters" hidden={!isOpen}>
        {completions.map((completion, place) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field has the focus and the keys of the list
          <div
            key={completion.text}
            id={`completion-${place}`}
            role="option"
            tabIndex={-1}
            aria-selected={place === at}
            // Before the field loses the focus.
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => accept(completion)}
          >
            <b>{/\S*\s*$/.exec(completion.text)?.[0]}</b> <span className="soft">{completion.meaning}</span>
          </div>
        ))}
      </div>
    </div>
  );
}

function quoteAssets(): string[] {
  return [...new Set([...market.rows.values()].map(({ quote }) => quote))].sort();
}
