// One rate of the instrument page, as its subscription selects it.
import type { OneInstrumentSubscription } from "../graphql/generated";

export type InstrumentRate = NonNullable<OneInstrumentSubscription["rates"]>["items"][number];
