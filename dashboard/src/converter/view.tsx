// Converts an amount of one asset to another, live, with the route and its oldest rate; and how far stablecoins are from one dollar.
import { useEffect, useId, useMemo, useState, useSyncExternalStore } from "react";
import { go } from "../browser/address";
import { leaveOnEscape, useShortcut } from "../browser/shortcuts";
import type { ConverterAddress } from "../browser/view-address";
import { keepWhileVisible } from "../live/visibility";
import { clock, gateway, names } from "../stores/session";
import { type Checked, checkAmount, checkAsset } from "./amount";
import { LiveConversions } from "./live-conversions";
import { ConversionResult } from "./result";
import { StablecoinTable } from "./stablecoin-table";
import "../styles/spreads.css";
import "../styles/converter.css";

/** A subscription for every digit that is typed would be wasted. */
const SETTLED_AFTER_MS = 300;

export default function ConverterView({ address }: { address: ConverterAddress }) {
  useEffect(() => void names.load(gateway.client), []);
  useSyncExternalStore(names.onChange, () => names.version);
  useShortcut("Escape", () => go({ view: "market" }, "push"));
  const amount = checkAmount(address.amount);
  const from = checkAsset(address.from, names.codes);
  const to = checkAsset(address.to, names.codes);
  const isComplete = amount.value !== null && from.value !== null && to.value !== null;
  return (
    <main className="page converter">
      <h1>Converter</h1>
      <p className="soft">What an amount is worth at last prices, without fees and spread. It is not an offer.</p>
      <form className="conversion" onSubmit={(event) => event.preventDefault()} aria-label="Conversion">
        <Field name="Amount" part="amount" address={address} checked={amount} isNumber />
        <Field name="From" part="from" address={address} checked={from} />
        <button type="button" className="swap" aria-label="Swap the assets" title="Swap the assets" onClick={() => change(address, { from: address.to, to: address.from })}>
          ⇄
        </button>
        <Field name="To" part="to" address={address} checked={to} />
      </form>
      {isComplete && <Live amount={amount.value} from={from.value} to={to.value} />}
      <StablecoinTable />
    </main>
  );
}

function change(address: ConverterAddress, part: Partial<ConverterAddress>): void {
  go({ converter: { ...address, ...part } });
}

interface FieldProps {
  name: string;
  part: keyof ConverterAddress;
  address: ConverterAddress;
  checked: Checked;
  isNumber?: boolean;
}

function Field({ name, part, address, checked, isNumber = false }: FieldProps) {
  const [input, hint, list] = [useId(), useId(), useId()];
  return (
    <div className="field" data-part={part}>
      <label htmlFor={input}>{name}</label>
      <input
        id={input}
        value={address[part]}
        inputMode={isNumber ? "decimal" : "text"}
        autoComplete="off"
        autoCapitalize="characters"
        spellCheck={false}
        maxLength={120}
        list={isNumber ? undefined : list}
        aria-invalid={checked.error !== null}
        aria-describedby={checked.error === null ? undefined : hint}
        onChange={({ target }) => change(address, { [part]: target.value })}
        onKeyDown={leaveOnEscape}
      />
      {!isNumber && (
        <datalist id={list}>
          {names.codes.map((code) => (
            <option key={code} value={code}>
              {names.of(code)}
            </option>
          ))}
        </datalist>
      )}
      {checked.error !== null && (
        <p id={hint} className="error" role="status">
          {checked.error}
        </p>
      )}
    </div>
  );
}

function Live({ amount, from, to }: { amount: string; from: string; to: string }) {
  const asked = useSettled(`${amount} ${from} ${to}`);
  const conversions = useMemo(() => {
    const [value = "", base = "", quote = ""] = asked.split(" ");
    return new LiveConversions(gateway, clock, null, [{ amount: value, from: base, to: quote }]);
  }, [asked]);
  useEffect(() => keepWhileVisible(conversions), [conversions]);
  const state = useSyncExternalStore(conversions.onChange, conversions.read);
  return <ConversionResult state={state} from={from} to={to} />;
}

/** The text once it has not changed for a moment. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = window.setTimeout(() => setSettled(text), SETTLED_AFTER_MS);
    return () => window.clearTimeout(timer);
  }, [text]);
  return settled;
}
