// The button of the alerts. Their scripts are loaded when it is pressed, or if this browser has rules.
import { lazy, Suspense, useState } from "react";
import { Remembered } from "../browser/remembered";

const AlertCenter = lazy(() => import("./center"));

/** Whether there are rules, without the script that reads them. */
const hasRules = new Remembered<boolean>("alerts", (stored) => stored !== null && stored !== "[]");

/** `symbol`: of the open instrument; empty in the market. */
export function AlertBell({ symbol }: { symbol: string }) {
  const [openings, setOpenings] = useState(0);
  return (
    <>
      <button type="button" aria-label="Alerts" title="Alerts" aria-haspopup="dialog" onClick={() => setOpenings(openings + 1)}>
        <svg viewBox="0 0 16 16" width="15" height="15" aria-hidden="true">
          <path d="M8 1.5a4 4 0 0 0-4 4c0 3.5-1.5 5-1.5 5h11s-1.5-1.5-1.5-5a4 4 0 0 0-4-4ZM6.5 13a1.6 1.6 0 0 0 3 0" fill="none" stroke="currentColor" strokeWidth="1.4" strokeLinecap="round" strokeLinejoin="round" />
        </svg>
      </button>
      {(openings > 0 || hasRules.value) && (
        <Suspense fallback={null}>
          <AlertCenter openings={openings} symbol={symbol} />
        </Suspense>
      )}
    </>
  );
}
