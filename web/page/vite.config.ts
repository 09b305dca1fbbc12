import { defaultClientConditions, defineConfig } from "vite";

export default defineConfig({
  resolve: { conditions: ["livedex-source", ...defaultClientConditions] },
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    // Fonts stay files of their own: the page's content policy allows none inlined.
    assetsInlineLimit: 0,
  },
});
