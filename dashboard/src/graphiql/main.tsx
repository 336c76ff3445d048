// GraphiQL at /graphql, on the page's own origin: queries over POST, subscriptions over graphql-ws.
import "./workers";
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import { createRoot } from "react-dom/client";
import { GRAPHQL_PATH } from "../graphql/address";
import { readOperation } from "./address";
import { EXAMPLES } from "./examples";
import { connectExplorer, fetchExplained } from "./gateway";

const fetcher = createGraphiQLFetcher({
  url: GRAPHQL_PATH,
  fetch: fetchExplained,
  wsClient: connectExplorer(),
  // The schema has no deferred fields; without this the toolkit requests multipart for every query.
  enableIncrementalDelivery: false,
});

/** The gateway marks its pages with this where it executes nothing else. */
const IS_RESTRICTED = document.documentElement.dataset.documents === "only";

const linked = readOperation(location.search);
// On a first visit the tab of the link comes first; later it is added to the tabs that the browser has kept.
const initial = linked === null ? {} : { initialQuery: linked.query, initialVariables: linked.variables ?? "" };

function Explorer() {
  return (
    <GraphiQL
      fetcher={fetcher}
      defaultTabs={linked === null ? [...EXAMPLES] : [linked, ...EXAMPLES]}
      {...initial}
      defaultEditorToolsVisibility={false}
      inputValueDeprecation
      schemaDescription
    >
      <GraphiQL.Logo>
        <a className="explorer-home" href="/">
          Ratewire
        </a>
      </GraphiQL.Logo>
    </GraphiQL>
  );
}

function Restricted() {
  return (
    <main className="explorer-loading">
      <h1>GraphiQL</h1>
      <p>
        This gateway executes only documents that its operator trusts, so GraphiQL cannot run queries here. <a href="/">Live rates</a>
      </p>
    </main>
  );
}

const place = document.getElementById("graphiql");
if (place === null) throw new Error("graphiql.html has no element #graphiql");
createRoot(place).render(IS_RESTRICTED ? <Restricted /> : <Explorer />);
