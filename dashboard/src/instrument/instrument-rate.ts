// One rate of the instrument page, as its subscription selects it.
import type { OneInstrumentSubscription } from "../graphql/generated";

export type InstrumentRate = OneInstrumentSubscription["rates"]["items"][number];
