// Builds the elements for other pages into one plain script, beside the pages: no module, so that any page can load it.
import { defineConfig } from "vite";

export default defineConfig({
  publicDir: false,
  build: {
    outDir: "../gateway/static",
    emptyOutDir: false,
    target: "es2022",
    lib: { entry: "src/embed/elements.ts", formats: ["iife"], name: "ratewire", fileName: () => "embed.js" },
  },
});
