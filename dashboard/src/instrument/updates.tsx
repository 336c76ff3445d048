// The latest updates in order of arrival. Not an ARIA live region: a screen reader would announce updates without end.
import { useRemembered } from "../browser/remembered";
import { millisecondText, zone } from "../browser/times";
import { formatPrice, sourceName } from "../rates/figures";
import { writeNumber } from "../rates/notation";
import { lineColour } from "../chart/colours";
import { signedBps } from "./quotes";
import type { Update } from "./update-log";
import { ScrollBox } from "../browser/scroll-box";

/** "14:05:09.123" in the zone that the viewer chose. */
export function exactTimeText(time: string): string {
  return millisecondText(Date.parse(time));
}

export function Updates({ updates, sources }: { updates: readonly Update[]; sources: readonly string[] }) {
  useRemembered(zone);
  return (
    <ScrollBox label="Last updates, newest first" className="updates">
      <table className="figures">
        <thead>
          <tr>
            <th scope="col">Observed</th>
            <th scope="col">Source</th>
            <th scope="col">Price</th>
            <th scope="col">Move</th>
            <th scope="col">Lag</th>
          </tr>
        </thead>
        <tbody>
          {updates.map(({ number, rate, moveBps }) => (
            <tr key={number}>
              <th scope="row">{exactTimeText(rate.observedAt)}</th>
              <td>
                <span className="swatch" aria-hidden="true" style={{ background: lineColour(Math.max(0, sources.indexOf(rate.source.code))) }} />
                {sourceName(rate.source.code)}
              </td>
              <td>{formatPrice(rate.price)}</td>
              <td data-direction={moveBps === null || moveBps === 0 ? "flat" : moveBps > 0 ? "up" : "down"}>{moveBps === null ? "first" : signedBps(moveBps)}</td>
              <td>{lagOf(rate.observedAt, rate.receivedAt, rate.observedAtOrigin)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollBox>
  );
}

/** Time from the observation at the source to its arrival; empty if the source gives no time. */
function lagOf(observedAt: string, receivedAt: string, origin: string): string {
  if (origin !== "SOURCE") return "–";
  return `${writeNumber(Math.max(0, Date.parse(receivedAt) - Date.parse(observedAt)))} ms`;
}
