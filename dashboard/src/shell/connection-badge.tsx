// The state of the connection in a word, and how the last interruption ended.
import { useSyncExternalStore } from "react";
import { useConnection } from "../live/connection";
import type { Phase } from "../live/connection-state";
import { onSecondHand } from "../live/second-hand";
import { formatAge } from "../rates/freshness";
import { connection } from "../stores/session";

const PHASE_WORD: Record<Phase, string> = {
  connecting: "Connecting…",
  live: "Live",
  quiet: "No updates",
  reconnecting: "Reconnecting…",
  reloading: "Reloading…",
  offline: "Offline",
  refused: "Not available",
  paused: "Paused",
};

export function ConnectionBadge() {
  const { phase, notice } = useConnection(connection);
  return (
    <p className="connection" role="status" data-phase={phase} id="connection">
      <span className="phase">{PHASE_WORD[phase]}</span>
      {phase === "quiet" && <Silence />}
      {notice !== null && (
        <span className="notice" data-kind={notice.kind}>
          {notice.text}
        </span>
      )}
    </p>
  );
}

/** Hidden from screen readers, which would announce each second. */
function Silence() {
  const text = useSyncExternalStore(onSecondHand, () => {
    const { heardAtMs } = connection.read();
    return heardAtMs === null ? "" : `for ${formatAge(Date.now() - heardAtMs)}`;
  });
  return <span aria-hidden="true">{text}</span>;
}
