// The page's one way to the gateway: urql, with subscriptions over graphql-ws. Reconnecting is the business of whoever
// subscribes, because only they know the cursor to come back with.
import { createClient } from "graphql-ws";
import { Client, type ExecutionResult, fetchExchange, subscriptionExchange } from "urql";
import { GRAPHQL_PATH, graphqlSocketUrl } from "./address";

export interface Gateway {
  client: Client;
  /** Gives up a connection that looks open and is dead; every subscription on it ends. */
  hangUp(): void;
}

export function connectGateway(): Gateway {
  const socket = createClient({ url: graphqlSocketUrl(), retryAttempts: 0 });
  const client = new Client({
    url: GRAPHQL_PATH,
    preferGetMethod: false,
    requestPolicy: "network-only",
    exchanges: [
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = "", variables }) => ({
          // The two libraries describe one message in types that differ where a field is absent.
          subscribe: (sink) => ({
            unsubscribe: socket.subscribe({ query, variables: variables ?? {} }, { ...sink, next: (result) => sink.next(result as ExecutionResult) }),
          }),
        }),
      }),
    ],
  });
  return { client, hangUp: () => socket.terminate() };
}
