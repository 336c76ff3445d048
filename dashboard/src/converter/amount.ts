// The amount and the assets that a viewer has typed. Amounts stay texts: a number would lose digits. Pure.
import { readFigure, type TypedFigure } from "../rates/typed-figure";

export type Checked = TypedFigure;

const MOST_DIGITS = 50;

/** An exact decimal as the gateway takes it: "1.5" for "1,5", too. */
export function checkAmount(text: string): Checked {
  const given = text.trim();
  if (given === "") return wrong("Enter an amount.");
  if (/^[-−]/.test(given)) return wrong("The amount cannot be negative.");
  if (/^[\d.]+e[-+]?\d+$/i.test(given)) return wrong("Write all digits instead of an exponent.");
  const read = readFigure(given);
  const [whole = "", fraction = ""] = read.value?.split(".") ?? [];
  if (whole.length > MOST_DIGITS) return wrong(`At most ${MOST_DIGITS} digits before the decimals.`);
  if (fraction.length > MOST_DIGITS) return wrong(`At most ${MOST_DIGITS} decimals.`);
  return read;
}

/** The code of an asset: "btc" is BTC. `known`: the codes of the gateway, to name similar ones; empty while they are not known. */
export function checkAsset(text: string, known: readonly string[]): Checked {
  const code = text.trim().toUpperCase();
  if (code === "") return wrong("Enter the code of an asset, such as BTC.");
  if (!/^[\p{L}\p{N}][\p{L}\p{N}.-]{0,19}$/u.test(code)) return wrong("This is no code of an asset. Write it as BTC.");
  if (known.length === 0 || known.includes(code)) return { value: code, error: null };
  const similar = known.filter((each) => each.startsWith(code) || code.startsWith(each)).slice(0, 5);
  return wrong(`No tracked instrument has ${code}.${similar.length === 0 ? "" : ` Similar: ${similar.join(", ")}.`}`);
}

function wrong(error: string): Checked {
  return { value: null, error };
}
