// One state of the consensus, as the subscription of the instrument page selects it.
import type { ConsensusSubscription } from "../graphql/generated";

export type Consensus = NonNullable<ConsensusSubscription["consensusRate"]>;
