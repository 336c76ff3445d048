// The rows of the table as text: for the clipboard with tabs, as a file with commas. Every figure has all its digits.
import type { InstrumentRow } from "../stores/instrument-row";
import type { MarketColumn } from "./columns";

/** The columns that have a text, in their order. */
function written(columns: readonly MarketColumn[]): MarketColumn[] {
  return columns.filter(({ text }) => text !== null);
}

/** One line for each row, cells separated by tabs. */
export function asTabs(rows: readonly InstrumentRow[], columns: readonly MarketColumn[], { withHead = false } = {}): string {
  const lines = rows.map((row) => written(columns).map((column) => oneLine(column.text?.(row) ?? "")));
  const head = withHead ? [written(columns).map(({ long }) => long)] : [];
  return [...head, ...lines].map((cells) => cells.join("\t")).join("\n");
}

function oneLine(text: string): string {
  return text.replace(/[\t\r\n]+/g, " ");
}

/** RFC 4180, with a head. The name of the asset follows the symbol. */
export function asCsv(rows: readonly InstrumentRow[], columns: readonly MarketColumn[], nameOf: (row: InstrumentRow) => string): string {
  const [symbol, ...others] = written(columns);
  const head = [symbol?.long ?? "", "Name", ...others.map(({ long }) => long)];
  const lines = rows.map((row) => [row.symbol, nameOf(row), ...others.map((column) => column.text?.(row) ?? "")]);
  return [head, ...lines].map((cells) => `${cells.map(quoted).join()}\r\n`).join("");
}

/** A text that a spreadsheet would take as a formula begins with an apostrophe. A figure may begin with its sign. */
function quoted(cell: string): string {
  const text = /^[=@\t\r]|^[+-](?![\d.]+$)/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Lets the browser save a text as a file. */
export function saveFile(name: string, text: string, type: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  link.click();
  URL.revokeObjectURL(url);
}
