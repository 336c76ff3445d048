// Generates the types of every operation in src/ from the schema of the server: `npm run generate`.
import type { CodegenConfig } from "@graphql-codegen/cli";

const config: CodegenConfig = {
  importExtension: ".js",
  emitLegacyCommonJSImports: false,
  schema: "../../schema.graphql",
  documents: "src/*.ts",
  generates: {
    "src/generated/": {
      preset: "client",
      presetConfig: { fragmentMasking: false },
      config: {
        useTypeImports: true,
        enumsAsTypes: true,
        // Decimals stay strings: a JavaScript number would round them. Times are RFC 3339.
        scalars: { AssetCode: "string", Decimal: "string", Symbol: "string", DateTime: "string", JSON: "unknown" },
        strictScalars: true,
      },
    },
  },
};
export default config;
