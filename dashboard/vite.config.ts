// Builds the two pages into the static folder of the gateway, which is committed, so that serving them needs only Python.
// No source maps and no inlined `data:` assets: the pages run under a strict Content-Security-Policy.
import { defineConfig, type Plugin } from "vite";

/**
 * Replaces Monaco's complete list of editor features with the shorter one of this project. monaco-graphql imports the
 * complete list by name and has no option to omit the diff editor, colour picker and the like.
 */
const slimMonaco: Plugin = {
  name: "slim-monaco",
  enforce: "pre",
  resolveId(id) {
    return id === "monaco-editor/esm/vs/editor/edcore.main.js" ? this.resolve("/src/graphiql/monaco.ts") : undefined;
  },
};

/** Copies the files whose addresses stay the same from release to release, such as the manifest, beside the pages. */
const rootFiles: Plugin = {
  name: "root-files",
  async generateBundle() {
    for (const fileName of await this.fs.readdir("src/root")) {
      this.emitFile({ type: "asset", fileName, source: await this.fs.readFile(`src/root/${fileName}`) });
    }
  },
};

/** Puts the manifest of the pages' documents beside them, for the gateway to read. */
const trustedDocuments: Plugin = {
  name: "trusted-documents",
  async generateBundle() {
    this.emitFile({ type: "asset", fileName: "trusted-documents.json", source: await this.fs.readFile("src/graphql/trusted-documents.json") });
  },
};

export default defineConfig({
  base: "/",
  plugins: [slimMonaco, rootFiles, trustedDocuments],
  build: {
    outDir: "../gateway/static",
    emptyOutDir: true,
    sourcemap: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    license: { fileName: "licenses.md" },
    // The editor of GraphiQL is one lazy chunk of over 1 MB; the dashboard does not load it.
    chunkSizeWarningLimit: 4096,
    rolldownOptions: {
      input: ["index.html", "graphiql.html", "wall.html", "not-found.html"],
      onwarn(warning, warn) {
        // "use client" and "use no memo" are directives for server renderers and compilers, which are not used here.
        if (warning.code !== "MODULE_LEVEL_DIRECTIVE") warn(warning);
      },
    },
  },
  worker: { format: "es" },
  server: { proxy: { "/graphql": { target: "http://localhost:8000", ws: true } } },
});
