// A light for every source: its state by colour, shape and word. Why it is so stands in the details.
import { lazy, Suspense, useState } from "react";
import { sourceName } from "../rates/figures";
import { health } from "../stores/session";
import { useSourceHealth } from "../stores/source-health";
import { meaningText, stateOf, stateWord, summaryText } from "./state-words";

// A script of its own: most visits do without it.
const SourcePanel = lazy(() => import("./panel"));

export function SourceStrip() {
  const known = useSourceHealth(health);
  const [isOpen, setOpen] = useState(false);
  return (
    // It keeps its room before the first state arrives: what is below does not move.
    <section className="sources" aria-label="Sources">
      <div className="strip">
        <ul>
          {known.sources.map((source) => {
            const state = stateOf(source, known);
            return (
              <li key={source.source.code} data-state={state} title={(known.isKnown && meaningText(source)) || undefined}>
                <span className="light" aria-hidden="true" />
                <b>{sourceName(source.source.code)}</b>
                <span className="state">{stateWord(state)}</span>
              </li>
            );
          })}
        </ul>
        {known.sources.length > 0 && (
          <>
            <span className="summary" aria-hidden="true">
              {summaryText(known)}
            </span>
            <button type="button" aria-expanded={isOpen} aria-controls="source-panel" onClick={() => setOpen(!isOpen)}>
              {isOpen ? "Less" : "Details"}
            </button>
          </>
        )}
      </div>
      <div id="source-panel" className="cut-edge">
        {isOpen && (
          <Suspense fallback={null}>
            <SourcePanel {...known} />
          </Suspense>
        )}
      </div>
    </section>
  );
}
