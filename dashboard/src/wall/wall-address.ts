// What the address of a wallboard says: /wall?symbols=BTC/USDT,ETH/USDT&source=KRAKEN&theme=dark&times=utc&title=…

export interface WallAddress {
  symbols: readonly string[];
  /** Null: of each instrument the first source that is fresh. */
  source: string | null;
  theme: "light" | "dark" | null;
  isUtc: boolean;
  title: string;
}

export const DEFAULT_SYMBOLS: readonly string[] = ["BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT"];
/** More would be no big figures. */
export const MOST_TILES = 40;
const LONGEST_TITLE = 80;

/** Unknown or invalid parts get their defaults. */
export function readWall(search: string): WallAddress {
  const given = new URLSearchParams(search);
  const symbols = (given.get("symbols") ?? "").toUpperCase().split(",").map(readSymbol).filter((symbol) => symbol !== null);
  const source = given.get("source")?.toUpperCase() ?? "";
  const theme = given.get("theme");
  return {
    symbols: symbols.length === 0 ? DEFAULT_SYMBOLS : [...new Set(symbols)].slice(0, MOST_TILES),
    source: /^[A-Z][A-Z0-9_]*$/.test(source) ? source : null,
    theme: theme === "light" || theme === "dark" ? theme : null,
    isUtc: given.get("times")?.toLowerCase() === "utc",
    title: (given.get("title") ?? "").slice(0, LONGEST_TITLE),
  };
}

/** A wallboard would show nothing at all for one symbol that the gateway rejects, so what cannot be one is left out. */
function readSymbol(text: string): string | null {
  const symbol = text.trim().replace(/^([^/]+)[-_]([^/]+)$/, "$1/$2");
  return /^[\p{L}\p{N}][\p{L}\p{N}_.-]{0,19}\/[\p{L}\p{N}][\p{L}\p{N}_.-]{0,19}$/u.test(symbol) ? symbol : null;
}
