// Runs the operations of operations.graphql as GraphQL Code Generator types them, and prints one JSON line a result.
//   node program.js URL
import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { print } from "graphql";
import { createClient } from "graphql-sse";
import { useFragment } from "../generated/preset/fragment-masking.js";
import { ConvertDocument, FollowRatesDocument, ListInstrumentsDocument, PriceFragmentDoc, ReadRatesDocument } from "../generated/preset/graphql.js";

const [url] = process.argv.slice(2);
if (!url) throw new Error("expected a URL");
const client = createClient({ url, retryAttempts: 0 });
const say = (line: unknown) => console.log(JSON.stringify(line));

async function* iterate<Data, Variables extends Record<string, unknown>>(document: TypedDocumentNode<Data, Variables>, variables: Variables): AsyncGenerator<Data> {
  for await (const { data, errors } of client.iterate<Data>({ query: print(document), variables })) {
    if (errors || !data) throw new AggregateError(errors ?? [], "no data");
    yield data;
  }
}

async function execute<Data, Variables extends Record<string, unknown>>(document: TypedDocumentNode<Data, Variables>, variables: Variables): Promise<Data> {
  for await (const data of iterate(document, variables)) return data;
  throw new Error("no result");
}

const symbols = ["BTC/USDT"];
const { rates } = await execute(ReadRatesDocument, { symbols: [...symbols, "NO/SUCH"], onStale: "RETURN" });
say({
  rates: rates?.items.map((item) => useFragment(PriceFragmentDoc, item)).map(({ id, source, price }) => [id, source.code, price]),
  unavailable: rates?.unavailable.map(({ symbol, reason }) => [symbol, reason]),
});

let after: string | null | undefined;
do {
  const { instruments } = await execute(ListInstrumentsDocument, { filter: { source: "BINANCE" }, first: 1, after });
  say({ page: instruments?.edges.map(({ node }) => node.symbol), total: instruments?.totalCount });
  after = instruments?.pageInfo.hasNextPage ? instruments.pageInfo.endCursor : null;
} while (after);

const { conversions } = await execute(ConvertDocument, { input: [{ amount: "2", from: "BTC", to: "USDT" }] });
say({ conversions: conversions?.items.map(({ from, to, result }) => [from, to, result]) });

for await (const { rates: event } of iterate(FollowRatesDocument, { symbols })) {
  if (!event || event.kind === "HEARTBEAT") continue;
  say({ kind: event.kind, prices: event.items.map((item) => useFragment(PriceFragmentDoc, item).price) });
  if (event.kind === "UPDATE") break;
}
client.dispose();
