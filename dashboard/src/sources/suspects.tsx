// Suspect identities of all sources, with the two commands that decide each.
import { useState } from "react";
import { sourceName } from "../rates/figures";
import type { SourceStatus } from "../stores/source-health";

export function Suspects({ sources }: { sources: readonly SourceStatus[] }) {
  const suspects = sources.flatMap(({ source, suspects: symbols }) => symbols.map((symbol) => ({ source: source.code, symbol })));
  if (suspects.length === 0) return null;
  const unlisted = sources.reduce((count, { suspectCount, suspects: symbols }) => count + suspectCount - symbols.length, 0);
  return (
    <section className="suspects" aria-label="Suspect identities">
      <p>
        Prices of these instruments stayed far from those of other sources: they may be another asset of the same code. They have no price until the
        operator runs one of the two commands.
      </p>
      <ul>
        {suspects.map(({ source, symbol }) => (
          <li key={`${source} ${symbol}`}>
            <b>{symbol}</b> of {sourceName(source)}
            <Command meaning="the same asset" text={`ratewire instruments confirm ${source.toLowerCase()} ${symbol}`} />
            <Command meaning="another asset" text={`ratewire instruments separate ${source.toLowerCase()} ${symbol}`} />
          </li>
        ))}
      </ul>
      {unlisted > 0 && <p className="soft">{`And ${unlisted} more.`}</p>}
    </section>
  );
}

function Command({ meaning, text }: { meaning: string; text: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard?.writeText(text);
    setCopied(true);
  };
  return (
    <span className="command">
      {meaning}: <code>{text}</code>
      {navigator.clipboard !== undefined && (
        <button type="button" aria-label={`Copy: ${text}`} onClick={() => void copy()}>
          {isCopied ? "Copied" : "Copy"}
        </button>
      )}
    </span>
  );
}
