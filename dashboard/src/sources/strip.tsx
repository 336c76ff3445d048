// A light for every source: its state by colour, shape and text, and the reason unless it is up.
import { useState } from "react";
import { sourceName } from "../rates/figures";
import { health } from "../stores/session";
import { SourcePanel } from "./panel";
import { type SourceStatus, useSourceHealth } from "../stores/source-health";

const STATE_WORD: Record<SourceStatus["state"], string> = {
  UP: "up",
  DEGRADED: "degraded",
  STALLED: "stalled",
  RATE_LIMITED: "rate limited",
  BLOCKED: "blocked",
  DOWN: "down",
};

export function SourceStrip() {
  const { sources, isKnown } = useSourceHealth(health);
  const [isOpen, setOpen] = useState(false);
  if (sources.length === 0) return null;
  return (
    <section className="sources" aria-label="Sources">
      <div className="strip">
        <ul>
          {sources.map((source) => (
            <li key={source.source.code} data-state={isKnown ? source.state : "UNKNOWN"} title={source.reason ?? undefined}>
              <span className="light" aria-hidden="true" />
              <b>{sourceName(source.source.code)}</b>
              <span className="state">{isKnown ? STATE_WORD[source.state] : "not known"}</span>
              {isKnown && source.reason !== null && <span className="reason">{source.reason}</span>}
            </li>
          ))}
        </ul>
        <button type="button" aria-expanded={isOpen} aria-controls="source-panel" onClick={() => setOpen(!isOpen)}>
          {isOpen ? "Less" : "Details"}
        </button>
      </div>
      <div id="source-panel">{isOpen && <SourcePanel sources={sources} />}</div>
    </section>
  );
}
