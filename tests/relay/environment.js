// A Relay environment of a gateway: queries over HTTP, subscriptions over graphql-sse.
import { createClient } from "graphql-sse";
import relay from "relay-runtime";

/** Creates the environment, of a client with that key if there is one; `requests` counts the queries that it sends. */
export function createEnvironment(url, key) {
  const requests = { count: 0 };
  const access = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const sse = createClient({ url, retryAttempts: 0, headers: access });
  // What is persisted has an identifier and no text.
  const name = ({ id, text }) => (id === null ? { query: text } : { documentId: `sha256:${id}` });
  const fetchQuery = async (params, variables) => {
    requests.count += 1;
    const headers = { "content-type": "application/json", ...access };
    const response = await fetch(url, { method: "POST", headers, body: JSON.stringify({ ...name(params), variables }) });
    return response.json();
  };
  const subscribe = (params, variables) => relay.Observable.create((sink) => sse.subscribe({ ...name(params), variables }, sink));
  const environment = new relay.Environment({
    network: relay.Network.create(fetchQuery, subscribe),
    store: new relay.Store(new relay.RecordSource()),
  });
  return { environment, requests, close: () => sse.dispose() };
}

export const say = (line) => console.log(JSON.stringify(line));
