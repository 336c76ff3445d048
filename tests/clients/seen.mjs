// What the scripts of several libraries share: how they ask with a key, and what a library makes of an answer.
import { CombinedGraphQLErrors, ServerError } from "@apollo/client";

export const bearer = (text) => ({ authorization: `Bearer ${text}` });

/** What each library has of a refusal. graphql-ws gives a list of errors, others an object of their own. */
export function describe(error) {
  const errors = CombinedGraphQLErrors.is(error)
    ? error.errors
    : ServerError.is(error)
      ? JSON.parse(error.bodyText).errors
      : Array.isArray(error)
        ? error
        : (error?.graphQLErrors ?? error?.errors ?? [error]);
  const extensions = errors[0]?.extensions;
  return {
    status: error?.statusCode ?? error?.response?.status ?? error?.status,
    code: extensions?.code,
    retryAfterMs: extensions?.retryAfterMs,
    message: error?.message ?? errors[0]?.message,
    closed: typeof error?.code === "number" ? error.code : undefined,
  };
}

/** The first result or error of a subscription to `rates`, which is ended then. */
export const first = (subscribe) => new Promise((resolve) => {
  const running = subscribe({
    next: (result) => {
      setTimeout(() => running.unsubscribe?.());
      const refusal = result.error ?? (result.errors ? { errors: result.errors } : null);
      resolve(refusal === null ? { kind: result.data.rates.kind } : describe(refusal));
    },
    error: (error) => resolve(describe(error)),
    complete: () => resolve({ kind: "COMPLETE" }),
  });
});
