// Apollo Client: queries over HTTP, subscriptions over WebSocket, which resume.
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache } from "@apollo/client";
import { RetryLink } from "@apollo/client/link/retry";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { OperationTypeNode } from "graphql";
import { createClient } from "graphql-ws";
import { createResumeLink } from "./resumeLink";

/** A refused document stays refused; a gateway that starts, and any trouble of the network, pass. */
function isPassing(error: unknown): boolean {
  if (!CombinedGraphQLErrors.is(error)) return true;
  return error.errors.every(({ extensions }) => extensions?.code === "SERVICE_UNAVAILABLE");
}

/** Creates a client. `onConnected` is told whenever the connection of the subscriptions opens or is lost. */
export function createApolloClient(uri: string, onConnected: (isConnected: boolean) => void): ApolloClient {
  const socket = createClient({
    url: uri.replace(/^http/, "ws"),
    keepAlive: 10_000,
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: () => true,
    on: { connected: () => onConnected(true), closed: () => onConnected(false) },
  });
  return new ApolloClient({
    // The ids of Ratewire are unique: events of a subscription change the objects that queries hold.
    cache: new InMemoryCache(),
    link: ApolloLink.from([
      createResumeLink(),
      new RetryLink({ delay: { initial: 300, max: 10_000, jitter: true }, attempts: { max: Number.POSITIVE_INFINITY, retryIf: isPassing } }),
      ApolloLink.split(({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION, new GraphQLWsLink(socket), new HttpLink({ uri })),
    ]),
  });
}
