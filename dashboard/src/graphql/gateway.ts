// The GraphQL client of the page: urql, with subscriptions over graphql-ws. Each subscriber reconnects by itself, because
// only it knows the cursor to resume from.
import { createClient } from "graphql-ws";
import { Client, type ExecutionResult, fetchExchange, subscriptionExchange } from "urql";
import { GRAPHQL_PATH, graphqlSocketUrl } from "./address";

export interface Gateway {
  client: Client;
  /** Closes a connection that is open but dead; every subscription on it ends. */
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
          // The types of the two libraries differ for absent fields of the same message.
          subscribe: (sink) => ({
            unsubscribe: socket.subscribe({ query, variables: variables ?? {} }, { ...sink, next: (result) => sink.next(result as ExecutionResult) }),
          }),
        }),
      }),
    ],
  });
  return { client, hangUp: () => socket.terminate() };
}
