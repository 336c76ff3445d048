// The symbol of a second instrument to compare with.
import { type FormEvent, useEffect, useId, useState, useSyncExternalStore } from "react";
import { goChart } from "../browser/address";
import { parseSymbol } from "../browser/chart-address";
import { leaveOnEscape } from "../browser/shortcuts";
import { names } from "../stores/session";

/** More would make the list of the browser slow. */
const MOST_OFFERED = 500;

export function CompareBox({ compare }: { compare: string | null }) {
  const [text, setText] = useState(compare ?? "");
  const [isWrong, setWrong] = useState(false);
  const list = useId();
  const hint = useId();
  useSyncExternalStore(names.onChange, () => names.version);
  useEffect(() => {
    setText(compare ?? "");
    setWrong(false);
  }, [compare]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const symbol = parseSymbol(text);
    setWrong(symbol === null && text.trim() !== "");
    if (symbol !== null) setText(symbol);
    if (symbol !== null || text.trim() === "") goChart({ compare: symbol });
  };
  return (
    <form className="compare" onSubmit={submit}>
      <input
        aria-label="Compare with a second instrument"
        aria-invalid={isWrong}
        aria-describedby={isWrong ? hint : undefined}
        placeholder="Compare…"
        autoComplete="off"
        spellCheck={false}
        list={list}
        value={text}
        onChange={({ target }) => setText(target.value)}
        onKeyDown={leaveOnEscape}
      />
      <datalist id={list}>
        {names.symbols.slice(0, MOST_OFFERED).map((symbol) => (
          <option key={symbol} value={symbol} />
        ))}
      </datalist>
      {compare !== null && (
        <button type="button" aria-label={`Do not compare with ${compare}`} onClick={() => goChart({ compare: null })}>
          ×
        </button>
      )}
      {isWrong && (
        <span id={hint} className="hint" role="alert">
          Write a symbol such as ETH/USDT
        </span>
      )}
    </form>
  );
}
