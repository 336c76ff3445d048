// The client preset of GraphQL Code Generator, with its defaults as far as `strictScalars` and ES modules allow.
import type { CodegenConfig } from "@graphql-codegen/cli";

const config: CodegenConfig = {
  importExtension: ".js",
  emitLegacyCommonJSImports: false,
  schema: "../../schema.graphql",
  documents: "operations.graphql",
  generates: {
    "generated/preset/": {
      preset: "client",
      config: {
        useTypeImports: true,
        scalars: { AssetCode: "string", Decimal: "string", Symbol: "string", DateTime: "string", JSON: "unknown" },
        strictScalars: true,
      },
    },
  },
};
export default config;
