// Operations with a key, named as relay-compiler has persisted them: a query over HTTP, a subscription over graphql-sse. Then a query with
// a key whose budget is spent. Prints one JSON line for each.   node keyed.js URL KEY SPENT
import relay from "relay-runtime";
import ratesQuery from "./generated/persisted/liveRatesQuery.graphql.js";
import ratesSubscription from "./generated/persisted/liveRatesSubscription.graphql.js";
import { createEnvironment, say } from "./environment.js";

const [url, key, spent] = process.argv.slice(2);
const variables = { symbols: ["BTC/USDT"], onStale: "RETURN" };
const { environment, close } = createEnvironment(url, key);
const { rates } = await relay.fetchQuery(environment, ratesQuery, variables).toPromise();
say({ text: ratesQuery.params.text, prices: rates.items.map(({ price }) => price) });
await new Promise((resolve, reject) => {
  const running = relay.requestSubscription(environment, {
    subscription: ratesSubscription,
    variables: { symbols: ["BTC/USDT"] },
    onError: reject,
    onNext: ({ rates: { kind } }) => {
      say({ kind });
      running.dispose();
      resolve();
    },
  });
});
close();

const refused = createEnvironment(url, spent);
try {
  await relay.fetchQuery(refused.environment, ratesQuery, variables).toPromise();
} catch (error) {
  // Relay's own error, with the answer as its source.
  say({ code: error.source.errors[0].extensions.code, message: error.message });
}
refused.close();
