// The operation that a link to GraphiQL carries, in the parameters of a GET request: /graphql?query=…&variables=…

export interface LinkedOperation {
  query: string;
  /** JSON. */
  variables?: string;
}

/** Null without a query. Variables that are no JSON are shown as they are. */
export function readOperation(search: string): LinkedOperation | null {
  const given = new URLSearchParams(search);
  const query = given.get("query");
  if (query === null || query.trim() === "") return null;
  const variables = given.get("variables");
  return variables === null || variables.trim() === "" ? { query } : { query, variables: indent(variables) };
}

function indent(json: string): string {
  try {
    return `${JSON.stringify(JSON.parse(json), null, 2)}\n`;
  } catch {
    return json;
  }
}
