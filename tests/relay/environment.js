// A Relay environment of a gateway: queries over HTTP, subscriptions over graphql-sse.
import { createClient } from "graphql-sse";
import relay from "relay-runtime";

/** Creates the environment; `requests` counts the queries that it sends. */
export function createEnvironment(url) {
  const requests = { count: 0 };
  const sse = createClient({ url, retryAttempts: 0 });
  const fetchQuery = async ({ text: query }, variables) => {
    requests.count += 1;
    const headers = { "content-type": "application/json" };
    const response = await fetch(url, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
    return response.json();
  };
  const subscribe = ({ text: query }, variables) => relay.Observable.create((sink) => sse.subscribe({ query, variables }, sink));
  const environment = new relay.Environment({
    network: relay.Network.create(fetchQuery, subscribe),
    store: new relay.Store(new relay.RecordSource()),
  });
  return { environment, requests, close: () => sse.dispose() };
}

export const say = (line) => console.log(JSON.stringify(line));
