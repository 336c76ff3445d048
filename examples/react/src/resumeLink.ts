// A link of Apollo Client that resumes live queries of Ratewire: each new connection goes on after the last event that arrived.
//
// It concerns subscriptions with the variable `$after` that select `cursor`. Components subscribe as always, and know nothing of cursors.
// Copy this file; put the link before those that reconnect.
import { ApolloLink } from "@apollo/client";
import { OperationTypeNode } from "graphql";
import { tap } from "rxjs";

/** Creates the link. Each subscription that passes it has a cursor of its own. */
export function createResumeLink(): ApolloLink {
  return new ApolloLink((operation, forward) => {
    if (operation.operationType !== OperationTypeNode.SUBSCRIPTION || !takesAfter(operation)) return forward(operation);
    const { variables } = operation;
    let cursor: string | null = variables.after ?? null;
    // A getter: the links below, and graphql-ws, serialise the variables again for every connection.
    operation.variables = {
      ...variables,
      get after() {
        return cursor;
      },
    };
    return forward(operation).pipe(
      tap(({ data }) => {
        cursor = findCursor(data) ?? cursor;
      }),
    );
  });
}

function takesAfter({ query }: ApolloLink.Operation): boolean {
  return query.definitions.some(
    (each) => each.kind === "OperationDefinition" && each.variableDefinitions?.some(({ variable }) => variable.name.value === "after"),
  );
}

/** Finds the cursor of an event: a subscription has one root field, under any alias. */
function findCursor(data: Record<string, unknown> | null | undefined): string | undefined {
  const [event] = Object.values(data ?? {}).filter((each) => typeof each === "object");
  return (event as { cursor?: string } | null | undefined)?.cursor;
}
