// Composes Ratewire at URL with the subgraph of portfolio.graphql, serves the supergraph with Hive Gateway, and executes the operations given
// as JSON on standard input: [{query, variables}]. Prints {results, toRatewire}: their results, and the bodies that reached Ratewire.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { buildSubgraphSchema } from "@apollo/subgraph";
import { createGatewayRuntime } from "@graphql-hive/gateway";
import { composeServices } from "@theguild/federation-composition";
import { graphql, parse } from "graphql";

const [ratewire] = process.argv.slice(2);

const portfolio = parse(await readFile(new URL("portfolio.graphql", import.meta.url), "utf8"));
const holdings = ["BTC", "ETH", "NOPE"].map((code) => ({
  name: `my ${code}`,
  amount: "2",
  asset: { code },
  rate: { id: `Rate:BINANCE:${code}/USDT` },
}));
const YEARS = { BTC: 2009, ETH: 2015 };
const schema = buildSubgraphSchema({
  typeDefs: portfolio,
  resolvers: {
    Query: { holdings: () => holdings },
    Asset: {
      __resolveReference: ({ code }) => ({ code }),
      launchYear: ({ code }) => YEARS[code] ?? null,
    },
  },
});

const readBody = async (request) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
};
const serve = (answer) =>
  new Promise((resolve) => {
    const server = createServer(async (request, response) => {
      const body = await answer(await readBody(request));
      response.writeHead(200, { "content-type": "application/json" }).end(body);
    });
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${server.address().port}/graphql`));
  });

const toRatewire = [];
const post = (url, body) => fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
const sdl = (await (await post(ratewire, JSON.stringify({ query: "{ _service { sdl } }" }))).json()).data._service.sdl;
const relay = await serve(async (body) => {
  toRatewire.push(JSON.parse(body));
  return (await post(ratewire, body)).text();
});
const second = await serve(async (body) => {
  const { query, variables } = JSON.parse(body);
  return JSON.stringify(await graphql({ schema, source: query, variableValues: variables }));
});

const composed = composeServices([
  { name: "ratewire", url: relay, typeDefs: parse(sdl) },
  { name: "portfolio", url: second, typeDefs: portfolio },
]);
if (composed.errors?.length) {
  console.error(composed.errors.map((error) => error.message).join("\n"));
  process.exit(1);
}
const gateway = createGatewayRuntime({ supergraph: composed.supergraphSdl, logging: false });
const results = [];
for (const operation of JSON.parse(await readBody(process.stdin))) {
  const response = await gateway.fetch("http://localhost/graphql", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(operation),
  });
  results.push(await response.json());
}
console.log(JSON.stringify({ results, toRatewire }));
process.exit(0);
