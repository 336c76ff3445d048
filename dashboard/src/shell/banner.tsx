// Banners above every view: simulated prices, a connection that is lost, what the gateway rejects, and answers that are late.
import { useSyncExternalStore } from "react";
import { useRemembered } from "../browser/remembered";
import { zone } from "../browser/times";
import { useConnection } from "../live/connection";
import { connection, gateway, health } from "../stores/session";
import { useSourceHealth } from "../stores/source-health";
import { KeyForm } from "./key-form";
import { problemText } from "./problem-text";

/** The gateway marks the page itself: it is called simulated before the first rate arrives, and nothing moves when it does. */
const IS_MARKED = document.documentElement.hasAttribute("data-simulated");
/** Problems that another key may solve. */
const NAMES_A_KEY = /\bkey\b/;

export function Banners() {
  const state = useConnection(connection);
  useRemembered(zone);
  const isSimulated = useSourceHealth(health).sources.some((source) => source.simulated) || IS_MARKED;
  const problem = problemText(state);
  // Without a connection nothing is answered, and that is said already.
  const isLate = useSyncExternalStore(gateway.late.onChange, gateway.late.read) && problem === null;
  if (!isSimulated && problem === null && !isLate) return null;
  return (
    <section aria-label="Notices">
      {isSimulated && (
        <p className="banner simulated" id="simulated">
          <strong>Simulated data.</strong> These prices come from the bundled simulator, not from a real exchange.
        </p>
      )}
      {problem !== null && (
        <div className="banner problem">
          <p role="alert">{problem}</p>
          {NAMES_A_KEY.test(problem) && <KeyForm />}
        </div>
      )}
      {isLate && (
        <p className="banner problem late" role="status">
          The server takes too long with some answers: names, changes and history may be missing or old. The page asks again.
        </p>
      )}
    </section>
  );
}
