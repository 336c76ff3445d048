// The GraphQL client of the page: urql, with subscriptions over graphql-ws. Each subscriber reconnects by itself, because
// only it knows the cursor to resume from.
import { createClient } from "graphql-ws";
import { Client, type ExecutionResult, fetchExchange, subscriptionExchange } from "urql";
import { keyHeaders } from "../browser/api-key";
import { GRAPHQL_PATH, graphqlSocketUrl } from "./address";
import { documentIds } from "./document-ids";
import { ANSWER_WITHIN_MS, fetchWithin } from "./fetch-in-time";
import { LateAnswers } from "./late-answers";

/** The gateway marks its pages where it takes no identifiers. */
const SENDS_TEXTS = document.documentElement.dataset.documents === "off";

export interface Gateway {
  client: Client;
  late: LateAnswers;
  /** Closes a connection that is open but dead; every subscription on it ends. */
  hangUp(): void;
}

export function connectGateway(): Gateway {
  const socket = createClient({ url: graphqlSocketUrl(), retryAttempts: 0, connectionParams: keyHeaders });
  const late = new LateAnswers();
  const client = new Client({
    url: GRAPHQL_PATH,
    fetch: fetchWithin(ANSWER_WITHIN_MS),
    fetchOptions: () => ({ headers: keyHeaders() }),
    preferGetMethod: false,
    requestPolicy: "network-only",
    exchanges: [
      late.exchange,
      ...(SENDS_TEXTS ? [] : [documentIds]),
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = "", documentId, variables }) => ({
          // The types of the two libraries differ for absent fields of the same message.
          subscribe: (sink) => ({
            unsubscribe: socket.subscribe(
              // graphql-ws demands a text, and sends what stands beside it.
              { query, variables: variables ?? {}, ...(documentId === undefined ? {} : { documentId }) },
              {
                ...sink,
                next: (result) => sink.next(result as ExecutionResult),
                error: (why) => {
                  const refusal = refusalIn(why);
                  if (refusal === null) sink.error(why);
                  else sink.next(refusal);
                },
              },
            ),
          }),
        }),
      }),
    ],
  });
  return { client, late, hangUp: () => socket.terminate() };
}

const REFUSALS: Readonly<Record<number, string>> = { 4401: "UNAUTHENTICATED", 4403: "FORBIDDEN" };

/** Returns the result that says why the gateway closed the socket for good; null for a lost connection. */
function refusalIn(why: unknown): ExecutionResult | null {
  if (!(why instanceof CloseEvent)) return null;
  const code = REFUSALS[why.code];
  return code === undefined ? null : { errors: [{ message: why.reason, extensions: { code } }] };
}
