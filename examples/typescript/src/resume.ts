// Print rates and resume after every lost connection:  npm run resume -- BTC/USDT ETH/USDT
import WebSocket from "ws";
import { graphql } from "./generated/gql.js";
import { createResumingClient, resuming } from "./resuming.js";
import { socketUrl } from "./address.js";

const LIVE = graphql(`
  subscription ResumableRates($symbols: [Symbol!], $after: String) {
    rates(symbols: $symbols, sampleIntervalMs: 250, after: $after) {
      kind recovered conflatedCount cursor
      items { id price observedAt freshness }
      unavailable { symbol source { code } message }
    }
  }
`);

const prices = new Map<string, string>();
const client = createResumingClient(socketUrl, {
  webSocketImpl: WebSocket,
  onLost: () => console.error("connection lost, reconnecting"),
});
const symbols = process.argv.slice(2);
for await (const event of resuming(client, LIVE, { symbols: symbols.length > 0 ? symbols : ["BTC/USDT", "ETH/USDT"] })) {
  if (event.kind === "SNAPSHOT" && event.recovered === false) prices.clear();
  for (const rate of event.items) prices.set(rate.id, rate.price);
  const recovery = event.recovered === null ? "" : event.recovered ? " (nothing was missed)" : " (something may have been missed)";
  console.log(`${event.kind}${recovery} ${JSON.stringify(Object.fromEntries(prices))}`);
}
