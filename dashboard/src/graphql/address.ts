// The address of the gateway: always the page's own origin.

export const GRAPHQL_PATH = "/graphql";

/** The absolute WebSocket address: older browsers reject relative ones. */
export function graphqlSocketUrl(location: Location = window.location): string {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return `${scheme}//${location.host}${GRAPHQL_PATH}`;
}
