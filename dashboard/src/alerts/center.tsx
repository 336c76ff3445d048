// What belongs to alerts on every view: the watch, the dialog, and what fired last.
import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { AlertPanel } from "./panel";
import { startWatching, watch } from "./store";
import { describeFiring } from "./words";

/** Long enough to be read on returning to the page; the dialog keeps what has fired. */
const SHOWN_MS = 30_000;

startWatching();

/** `openings`: how often the button was pressed. */
export default function AlertCenter({ openings, symbol }: { openings: number; symbol: string }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (openings > 0 && dialog.current?.open === false) dialog.current.showModal();
  }, [openings]);
  return (
    <>
      <AlertPanel key={symbol} dialog={dialog} symbol={symbol} />
      <LastFired />
    </>
  );
}

function LastFired() {
  const newest = useSyncExternalStore(watch.onChange, () => watch.read().fired[0] ?? null);
  const [dismissed, setDismissed] = useState(newest);
  useEffect(() => {
    if (newest === null) return;
    const timer = window.setTimeout(() => setDismissed(newest), SHOWN_MS);
    return () => window.clearTimeout(timer);
  }, [newest]);
  const isShown = newest !== null && newest !== dismissed;
  return (
    <div className="last-fired" role="status">
      {isShown && (
        <p>
          {describeFiring(newest)}
          <button type="button" aria-label="Dismiss" onClick={() => setDismissed(newest)}>
            ✕
          </button>
        </p>
      )}
    </div>
  );
}
