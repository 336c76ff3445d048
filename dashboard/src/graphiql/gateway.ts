// The GraphQL fetcher of GraphiQL, which explains a missing answer. GraphiQL prints whatever error it gets: for a lost
// WebSocket that is {"isTrusted": true}, for a refused connection a stack trace, both with an error on the console.
import type { GraphQLFormattedError } from "graphql";
import { type Client, createClient } from "graphql-ws";
import { keyHeaders } from "../browser/api-key";
import { graphqlSocketUrl } from "../graphql/address";

/** Does not reconnect: a restarted subscription would look like one that had continued. */
export function connectExplorer(): Client {
  const client = createClient({ url: graphqlSocketUrl(), retryAttempts: 0, connectionParams: keyHeaders });
  return {
    ...client,
    subscribe: (payload, sink) =>
      client.subscribe(payload, {
        ...sink,
        error: (why) => {
          sink.next({ errors: errorsIn(why) });
          sink.complete();
        },
      }),
  };
}

/** `fetch`, which returns an error response if the gateway cannot be reached. */
export async function fetchExplained(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const headers = new Headers(init?.headers);
  // A header that was typed into the page goes before the key that the dashboard keeps.
  for (const [name, value] of Object.entries(keyHeaders())) if (!headers.has(name)) headers.set(name, value);
  try {
    return await fetch(input, { ...init, headers });
  } catch {
    return Response.json({ errors: [{ message: "The gateway cannot be reached." }] }, { status: 503 });
  }
}

function errorsIn(why: unknown): readonly GraphQLFormattedError[] {
  // A refusal by the gateway.
  if (Array.isArray(why)) return why as GraphQLFormattedError[];
  const code = why instanceof CloseEvent ? ` (${[why.code, why.reason].filter(Boolean).join(" ")})` : "";
  return [{ message: `There is no connection to the gateway${code}. Run it again to go on.` }];
}
