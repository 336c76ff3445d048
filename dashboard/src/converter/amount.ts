// The amount and the assets that a viewer has typed. Amounts stay texts: a number would lose digits. Pure.

export type Checked = { value: string; error: null } | { value: null; error: string };

const MOST_DIGITS = 50;

/** An exact decimal as the gateway takes it: "1.5". */
export function checkAmount(text: string): Checked {
  const given = text.trim();
  if (given === "") return wrong("Enter an amount.");
  if (/^[-−]/.test(given)) return wrong("The amount cannot be negative.");
  if (/^\d+,\d+$/.test(given)) return wrong(`Write decimals with a point: ${given.replace(",", ".")}. Thousands need no separator.`);
  if (/[,\s_']/.test(given)) return wrong("Leave out the separators of thousands.");
  if (/^[\d.]+e[-+]?\d+$/i.test(given)) return wrong("Write all digits instead of an exponent.");
  const [, whole = "", fraction = ""] = /^(\d*)(?:\.(\d*))?$/.exec(given) ?? [];
  if (whole === "" && fraction === "") return wrong("This is no number. Write it as 1.5.");
  const exact = whole.replace(/^0+(?=\d)/, "");
  if (exact.length > MOST_DIGITS) return wrong(`At most ${MOST_DIGITS} digits before the point.`);
  if (fraction.length > MOST_DIGITS) return wrong(`At most ${MOST_DIGITS} digits after the point.`);
  return { value: `${exact === "" ? "0" : exact}${fraction === "" ? "" : `.${fraction}`}`, error: null };
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
