// Persisted queries of @apollo/client and urql, each by POST and by GET, twice: prints what each query got, and then each request
// that was sent for it as method and kind.    node persisted.mjs URL QUERY
import { createHash } from "node:crypto";
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { Client, fetchExchange } from "@urql/core";
import { persistedExchange } from "@urql/exchange-persisted";

const [url, query] = process.argv.slice(2);
const sha256 = (text) => createHash("sha256").update(text).digest("hex");
let requests = [];
const noted = async (...request) => {
  const [address, { method, body }] = request;
  const has_query = body ? "query" in JSON.parse(body) : new URL(address).searchParams.has("query");
  const response = await fetch(...request);
  requests.push([method, has_query ? "query" : "hash", response.status]);
  return response;
};
const print = (client, result) => {
  console.log(JSON.stringify({ client, result, requests }));
  requests = [];
};

for (const useGETForHashedQueries of [false, true]) {
  const link = ApolloLink.from([
    new PersistedQueryLink({ sha256, useGETForHashedQueries }),
    new HttpLink({ uri: url, fetch: noted }),
  ]);
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  for (let time = 0; time < 2; time += 1) {
    const { data, error } = await client.query({ query: gql(query), fetchPolicy: "no-cache" });
    print("apollo", { data, error: error?.message });
  }
}
for (const preferGetForPersistedQueries of [false, "force"]) {
  const client = new Client({
    url, fetch: noted, preferGetMethod: false,
    exchanges: [persistedExchange({ preferGetForPersistedQueries }), fetchExchange],
  });
  for (let time = 0; time < 2; time += 1) {
    const { data, error } = await client.query(query, {}, { requestPolicy: "network-only" }).toPromise();
    print("urql", { data, error: error?.message });
  }
}
