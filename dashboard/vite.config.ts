// Builds the two pages the gateway serves into its static folder, which is committed, so that Python alone can serve
// them. No source maps and no inlined `data:` assets: the pages run under a strict Content-Security-Policy.
import { defineConfig, type Plugin } from "vite";

/**
 * Puts this project's shorter list of editor features in the place of Monaco's complete one. monaco-graphql imports
 * the complete one by name, and no option of it leaves the diff editor, colour picker and the like out.
 */
const slimMonaco: Plugin = {
  name: "slim-monaco",
  enforce: "pre",
  resolveId(id) {
    return id === "monaco-editor/esm/vs/editor/edcore.main.js" ? this.resolve("/src/graphiql/monaco.ts") : undefined;
  },
};

export default defineConfig({
  base: "/",
  plugins: [slimMonaco],
  build: {
    outDir: "../gateway/static",
    emptyOutDir: true,
    sourcemap: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    license: { fileName: "licenses.md" },
    // The explorer's editor is one lazy chunk of over 1 MB; the front page does not load it.
    chunkSizeWarningLimit: 4096,
    rolldownOptions: {
      input: ["index.html", "graphiql.html"],
      onwarn(warning, warn) {
        // "use client" and "use no memo" speak to server renderers and compilers, neither of which is used here.
        if (warning.code !== "MODULE_LEVEL_DIRECTIVE") warn(warning);
      },
    },
  },
  worker: { format: "es" },
  server: { proxy: { "/graphql": { target: "http://localhost:8000", ws: true } } },
});
