import { defineConfig } from "vitest/config";

export default defineConfig({
  build: {
    target: "es2022",
    // Vite leaves the white space of a library's ES modules in; the bundler below does not.
    rolldownOptions: { output: { minify: true, comments: false } },
    lib: { entry: "src/index.ts", formats: ["es"], fileName: "index" },
  },
  test: {
    include: ["tests/**/*.test.ts"],
    restoreMocks: true,
  },
});
