// Print rates and resume after every lost connection:  npm run resume -- BTC/USDT ETH/USDT
import WebSocket from "ws";
import { graphql } from "./generated/gql.js";
import { createResumingClient, HeldRates, type Rate, resuming } from "./resuming.js";
import { socketUrl } from "./address.js";

const LIVE = graphql(`
  subscription ResumableRates($symbols: [Symbol!], $after: String) {
    rates(symbols: $symbols, sampleIntervalMs: 250, after: $after) {
      kind recovered conflatedCount cursor sentAt
      items { id symbol source { code } price observedAt ttlMs }
      unavailable { symbol source { code } message }
    }
  }
`);

const rates = new HeldRates<Rate & { price: string }>();
const client = createResumingClient(socketUrl, {
  webSocketImpl: WebSocket,
  onLost: () => {
    rates.lose();
    console.error("connection lost, reconnecting");
  },
});
const symbols = process.argv.slice(2);
const variables = { symbols: symbols.length > 0 ? symbols : ["BTC/USDT", "ETH/USDT"] };
for await (const event of resuming(client, LIVE, variables, (each) => rates.apply(each))) {
  const now = rates.now();
  const prices = [...rates.held].map(([id, { price }]) => [id, rates.isFresh(id, now) ? price : `${price} (not fresh)`]);
  const recovery = event.recovered === null ? "" : event.recovered ? " (nothing was missed)" : " (something may have been missed)";
  console.log(`${event.kind}${recovery} ${JSON.stringify(Object.fromEntries(prices))}`);
}
