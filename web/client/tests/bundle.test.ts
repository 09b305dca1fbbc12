import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";

/** Bytes, gzipped: 6 KB. */
const ROOM = 6 * 1_024;
const PACKAGE = new URL("..", import.meta.url).pathname;

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "livedex-client-"));
  await build({ root: PACKAGE, logLevel: "error", build: { outDir: folder, emptyOutDir: true } });
});
afterAll(() => rmSync(folder, { recursive: true }));

test("the built client, all of it, is at most 6 KB gzipped", () => {
  const built = readdirSync(folder).map(
    name => gzipSync(readFileSync(join(folder, name)), { level: 9 }).length,
  );
  expect(built.reduce((sum, one) => sum + one, 0)).toBeLessThanOrEqual(ROOM);
});

test("the built client imports nothing, and Node runs it", () => {
  const script = `
    import { connect, Refused } from ${JSON.stringify(join(folder, "index.js"))};
    class Silent { addEventListener() {} close() {} send() {} }
    const client = connect({ url: "ws://127.0.0.1:1", ticket: async () => { throw new Refused("over", "enough") }, WebSocket: Silent });
    client.subscribe({}, { onStatus: (status, { code }) => console.log(status, code) });
  `;
  const said = execFileSync(process.execPath, ["--input-type=module", "--eval", script], {
    encoding: "utf8",
  });
  expect(said).toBe("refused over\n");
  expect(readFileSync(join(folder, "index.js"), "utf8")).not.toMatch(/\bimport\b|\brequire\b/);
});

test("the package asks for nothing at run time", () => {
  const described = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8"));
  expect(Object.keys(described)).not.toContain("dependencies");
  expect(Object.keys(described)).not.toContain("peerDependencies");
});
