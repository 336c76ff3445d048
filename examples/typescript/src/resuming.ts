// Follow Ratewire's `rates` subscription through lost connections: each new one goes on from the last event's cursor.
//
// Nothing is missed unnoticed: after a reconnect comes a SNAPSHOT with `recovered: true` (just what changed meanwhile) or a GAP
// and a whole SNAPSHOT. Copy this file; it needs nothing but graphql-ws.
import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { print } from "graphql";
import { type Client, createClient } from "graphql-ws";

/** A client that tries again for ever, after 0.1 s at first and 10 s at most, and notices within 20 s that nobody answers. */
export function createResumingClient(url: string, options: { webSocketImpl?: unknown; onLost?: (why: unknown) => void } = {}): Client {
  let unanswered: ReturnType<typeof setTimeout> | undefined;
  const client = createClient({
    url,
    webSocketImpl: options.webSocketImpl,
    keepAlive: 10_000,
    retryAttempts: Number.POSITIVE_INFINITY,
    // A close code of 44xx says that the question is wrong: asking again would not mend it.
    shouldRetry: (why) => !(isClose(why) && why.code >= 4400 && why.code < 4500),
    retryWait: (attempt) => {
      const longest = Math.min(10_000, 200 * 2 ** attempt);
      // Not all viewers of a restarted gateway in the same instant.
      return new Promise((resolve) => setTimeout(resolve, longest * (0.5 + Math.random() / 2)));
    },
    on: {
      ping: (isReceived) => {
        if (!isReceived) unanswered = setTimeout(() => client.terminate(), 10_000);
      },
      pong: (isReceived) => {
        if (isReceived) clearTimeout(unanswered);
      },
      closed: (why) => {
        clearTimeout(unanswered);
        options.onLost?.(why);
      },
    },
  });
  return client;
}

/** Events of `rates`. The document takes `$after: String`, passes it to `rates` and selects `cursor`. */
export async function* resuming<Data extends { rates: { cursor: string } }, Variables extends { after?: string | null }>(
  client: Client,
  document: TypedDocumentNode<Data, Variables>,
  variables: Omit<Variables, "after">,
): AsyncGenerator<Data["rates"]> {
  let cursor: string | null = null;
  const question = {
    query: print(document),
    // A getter: graphql-ws writes the message anew for every connection, so that it carries the cursor of that moment.
    get variables() {
      return { ...variables, after: cursor };
    },
  };
  for (;;) {
    try {
      for await (const { data, errors } of client.iterate<Data>(question)) {
        if (errors || !data) throw errors ?? new Error("no data");
        cursor = data.rates.cursor;
        yield data.rates;
      }
    } catch (why) {
      // Asking again would not mend a question, but a gateway that is just starting has an answer soon.
      if (!isStarting(why)) throw Array.isArray(why) ? new AggregateError(why, why.map(({ message }) => message).join("; ")) : why;
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

function isStarting(why: unknown): boolean {
  return Array.isArray(why) && why.every((error) => error?.extensions?.code === "SERVICE_UNAVAILABLE");
}

function isClose(why: unknown): why is { code: number } {
  return typeof why === "object" && why !== null && "code" in why && typeof why.code === "number";
}
