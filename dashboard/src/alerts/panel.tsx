// The dialog of alerts: a form for a new one, the rules of this browser, and what has fired.
import { type FormEvent, type RefObject, useId, useState, useSyncExternalStore } from "react";
import { useRemembered } from "../browser/remembered";
import { pastTimeText } from "../browser/times";
import { sourceName } from "../rates/figures";
import { readFigure } from "../rates/typed-figure";
import { health } from "../stores/session";
import { useSourceHealth } from "../stores/source-health";
import { ALERT_KINDS, type AlertKind, type AlertRule, isRule, LONGEST_WINDOW_MIN, MOST_RULES } from "./rules";
import { askForNotifications, notificationPermission, setSound, sound } from "./signals";
import { addRule, removeRule, rules, watch } from "./store";
import { describeFiring, describeLevel, describeRule, KIND_UNIT, KIND_WORD } from "./words";

interface Props {
  dialog: RefObject<HTMLDialogElement | null>;
  /** Of the open instrument; empty in the market. */
  symbol: string;
}

export function AlertPanel({ dialog, symbol }: Props) {
  const stored = useRemembered(rules);
  const { fired, isWatching } = useSyncExternalStore(watch.onChange, watch.read);
  return (
    <dialog ref={dialog} className="help alerts" aria-labelledby="alerts-title">
      <h2 id="alerts-title">Alerts</h2>
      <p className="soft">They are kept and judged in this browser, while a page of Ratewire is open. Stale, suspect and unavailable prices never fire one.</p>
      <AlertForm symbol={symbol} />
      {stored.length > 0 && (
        <>
          <h3>{isWatching ? "Watching" : "Not watched by this tab at the moment"}</h3>
          <ul className="rules">
            {stored.map((rule) => (
              <li key={rule.id}>
                <span>{describeRule(rule)}</span>
                <button type="button" aria-label={`Remove: ${describeRule(rule)}`} onClick={() => removeRule(rule.id)}>
                  Remove
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
      {stored.length === 0 && <p className="soft">There are no alerts yet.</p>}
      {fired.length > 0 && (
        <>
          <h3>Fired</h3>
          <ol className="fired">
            {fired.map((firing) => (
              <li key={`${firing.rule.id} ${firing.atMs}`}>
                <time dateTime={new Date(firing.atMs).toISOString()}>{pastTimeText(firing.atMs)}</time> {describeFiring(firing)}
              </li>
            ))}
          </ol>
        </>
      )}
      <Signals />
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}

function AlertForm({ symbol }: { symbol: string }) {
  const id = useId();
  const [kind, setKind] = useState<AlertKind>("above");
  const [typed, setTyped] = useState("");
  const level = readFigure(typed);
  const [problem, setProblem] = useState<string | null>(null);
  const { sources } = useSourceHealth(health);
  const add = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    const rule = readForm(given, kind, level.value ?? "");
    if (typed.trim() !== "" && level.error !== null) setProblem(level.error);
    else if (!isRule(rule)) setProblem("Enter a symbol such as BTC/USDT and a positive number.");
    else if (rules.value.length >= MOST_RULES) setProblem(`There are ${MOST_RULES} alerts already.`);
    else {
      setProblem(null);
      addRule(rule);
    }
  };
  return (
    <form className="alert-form" onSubmit={add}>
      <label>
        Symbol
        <input name="symbol" defaultValue={symbol} placeholder="BTC/USDT" autoComplete="off" spellCheck={false} aria-describedby={`${id}-problem`} />
      </label>
      <label>
        When
        <select value={kind} onChange={({ target }) => setKind(target.value as AlertKind)}>
          {ALERT_KINDS.map((each) => (
            <option key={each} value={each}>
              {KIND_WORD[each]}
            </option>
          ))}
        </select>
      </label>
      <label>
        {KIND_UNIT[kind] === "" ? "Price" : `In ${KIND_UNIT[kind]}`}
        <input name="level" inputMode="decimal" autoComplete="off" maxLength={60} value={typed} onChange={({ target }) => setTyped(target.value)} aria-describedby={`${id}-read ${id}-problem`} />
      </label>
      {kind === "move" && (
        <label>
          Within minutes
          <input name="windowMin" type="number" min={1} max={LONGEST_WINDOW_MIN} defaultValue={15} />
        </label>
      )}
      {kind !== "spread" && (
        <label>
          Source
          <select name="source">
            <option value="">All that are fresh</option>
            {sources.map(({ source }) => (
              <option key={source.code} value={source.code}>
                {sourceName(source.code)}
              </option>
            ))}
          </select>
        </label>
      )}
      <button type="submit">Add alert</button>
      <p id={`${id}-read`} className="form-read soft">
        {typed.trim() !== "" && (level.error ?? `Read as ${describeLevel(kind, level.value)}.`)}
      </p>
      <p id={`${id}-problem`} className="form-problem" role="alert">
        {problem}
      </p>
    </form>
  );
}

function readForm(given: FormData, kind: AlertKind, level: string): AlertRule {
  const text = (name: string) => String(given.get(name) ?? "").trim();
  return {
    id: `${Date.now()}-${Math.random().toString(36).slice(2)}`,
    symbol: text("symbol").toUpperCase().replace(/^([^/]+)[-_ ]([^/]+)$/, "$1/$2"),
    source: text("source") || null,
    kind,
    level,
    windowMin: kind === "move" ? Number(text("windowMin")) : 15,
  };
}

function Signals() {
  const isLoud = useRemembered(sound);
  const [permission, setPermission] = useState(notificationPermission);
  const ask = async () => {
    await askForNotifications();
    setPermission(notificationPermission());
  };
  return (
    <div className="signals">
      <label>
        <input type="checkbox" checked={isLoud} onChange={({ target }) => setSound(target.checked)} /> Sound
      </label>
      {permission === "default" && (
        <button type="button" onClick={() => void ask()}>
          Allow notifications
        </button>
      )}
      {permission === "granted" && <span className="soft">Notifications are on.</span>}
      {permission === "denied" && <span className="soft">Notifications are blocked in the settings of this browser.</span>}
      {permission === "unavailable" && <span className="soft">This browser shows notifications of pages over https only.</span>}
    </div>
  );
}
