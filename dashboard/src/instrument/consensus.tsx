// The consensus of all sources, with its quality and their divergence.
import { useConnection } from "../live/connection";
import { isInformed } from "../live/connection-state";
import { formatPrice } from "../rates/figures";
import { writeNumber } from "../rates/notation";
import { connection } from "../stores/session";
import type { Consensus } from "./consensus-state";

const WORD: Record<Consensus["quality"], string> = {
  AGREED: "sources agree",
  DIVERGED: "sources diverge",
  SINGLE_SOURCE: "one source only",
  INSUFFICIENT: "too few fresh sources",
};

export function ConsensusCard({ consensus }: { consensus: Consensus | null }) {
  const isCurrent = isInformed(useConnection(connection));
  if (consensus === null) return null;
  const { quality, price, divergenceBps, maxDeviationBps, contributions } = consensus;
  const included = contributions.filter((each) => each.included).length;
  return (
    <dl className="consensus" data-quality={isCurrent ? quality : undefined}>
      <div>
        <dt>Median of all sources</dt>
        <dd className="strong">{price === null ? "none" : formatPrice(price)}</dd>
      </div>
      <div>
        <dt>Quality</dt>
        <dd className="quality">{isCurrent ? WORD[quality] : "not known: no connection"}</dd>
      </div>
      <div>
        <dt>Divergence</dt>
        <dd title={`Beyond ${maxDeviationBps} bps the sources diverge`}>{divergenceBps === null || included < 2 ? "–" : `${writeNumber(divergenceBps, 1)} bps`}</dd>
      </div>
      <div>
        <dt>Sources in it</dt>
        <dd>{`${included} of ${contributions.length}`}</dd>
      </div>
    </dl>
  );
}
