// The explorer's way to the gateway, which tells in words why there is no answer. GraphiQL prints whatever it is given: of a lost
// WebSocket that is {"isTrusted": true}, of a refused connection a stack trace; and each leaves an error on the console.
import type { GraphQLFormattedError } from "graphql";
import { type Client, createClient } from "graphql-ws";
import { graphqlSocketUrl } from "../graphql/address";

/** Does not come back by itself: a subscription that began anew under the reader's eyes would look like one that went on. */
export function connectExplorer(): Client {
  const client = createClient({ url: graphqlSocketUrl(), retryAttempts: 0 });
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

/** `fetch`, with an answer also where there is nobody to give one. */
export async function fetchExplained(...request: Parameters<typeof fetch>): Promise<Response> {
  try {
    return await fetch(...request);
  } catch {
    return Response.json({ errors: [{ message: "The gateway cannot be reached." }] }, { status: 503 });
  }
}

function errorsIn(why: unknown): readonly GraphQLFormattedError[] {
  // The gateway's own refusal.
  if (Array.isArray(why)) return why as GraphQLFormattedError[];
  const code = why instanceof CloseEvent ? ` (${[why.code, why.reason].filter(Boolean).join(" ")})` : "";
  return [{ message: `There is no connection to the gateway${code}. Run it again to go on.` }];
}
