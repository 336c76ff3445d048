// Sends the identifier of a document instead of its text; the text only where the gateway does not take the identifier: identifiers
// are switched off there, or the page and the gateway are of different versions.
import { type Exchange, makeOperation, type Operation, type OperationResult } from "urql";
import { filter, makeSubject, map, merge, pipe } from "wonka";
import { isNotTaken } from "./named-document";

type Query = Operation["query"];

export const documentIds: Exchange =
  ({ forward }) =>
  (operations) => {
    const { source: again, next } = makeSubject<Operation>();
    return pipe(
      merge([pipe(operations, map(withoutText)), again]),
      forward,
      filter((result) => {
        const other = otherAttempt(result);
        if (other !== null) next(other);
        return other === null;
      }),
    );
  };

/** Of a document without definitions, urql sends the identifier. */
function withoutText(operation: Operation): Operation {
  if (operation.kind === "teardown" || !("documentId" in operation.query)) return operation;
  return withQuery(operation, { ...operation.query, definitions: [], withText: operation.query } as Query);
}

function otherAttempt({ operation, error }: OperationResult): Operation | null {
  const { withText } = operation.query as { withText?: Query };
  return withText !== undefined && isNotTaken(error?.graphQLErrors) ? withQuery(operation, withText) : null;
}

function withQuery(operation: Operation, query: Query): Operation {
  return makeOperation(operation.kind, { ...operation, query }, operation.context);
}
