// Banner for simulated prices and for errors of the gateway.
import { useConnection } from "../live/connection";
import { connection, health } from "../stores/session";
import { useSourceHealth } from "../stores/source-health";

export function Banners() {
  const { problem } = useConnection(connection);
  const isSimulated = useSourceHealth(health).sources.some((source) => source.simulated);
  if (!isSimulated && problem === null) return null;
  return (
    <section aria-label="Notices">
      {isSimulated && (
        <p className="banner simulated" id="simulated">
          <strong>Simulated data.</strong> These prices come from the bundled simulator, not from a real exchange.
        </p>
      )}
      {problem !== null && (
        <p className="banner problem" role="alert">
          The gateway says: {problem}
        </p>
      )}
    </section>
  );
}
