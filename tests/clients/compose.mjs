// Composes the subgraph on standard input with the one of FILE. Prints a JSON line: the errors, and the heads of the types of the
// supergraph, which say how they are joined.
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { composeServices } from "@theguild/federation-composition";
import { parse } from "graphql";

const [file] = process.argv.slice(2);
const composed = composeServices([
  { name: "ratewire", url: "http://localhost/graphql", typeDefs: parse(await text(process.stdin)) },
  { name: "other", url: "http://localhost:1/graphql", typeDefs: parse(await readFile(file, "utf8")) },
]);
const errors = (composed.errors ?? []).map((error) => error.message);
const types = (composed.supergraphSdl ?? "").match(/^type \w+[^{]*/gm) ?? [];
console.log(JSON.stringify({ errors, types }));
