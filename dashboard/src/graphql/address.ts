// Where the gateway answers: the page's own origin, never another.

export const GRAPHQL_PATH = "/graphql";

/** The absolute WebSocket address: older browsers refuse a relative one. */
export function graphqlSocketUrl(location: Location = window.location): string {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return `${scheme}//${location.host}${GRAPHQL_PATH}`;
}
