// Drives the server with the command line of the MCP Inspector, which is one
// connection to a command.
//
//     node inspector.mjs URL PROGRAM    COMMONPLACE_TOKEN and COMMONPLACE_DATA_DIR; URL is that of the MCP endpoint

import { strict as assert } from "node:assert";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { newMarker, run, TOOLS } from "./story.mjs";

const PACKAGE = new URL("node_modules/@modelcontextprotocol/inspector/", import.meta.url);
const INSPECTOR = fileURLToPath(new URL("clients/launcher/build/index.js", PACKAGE));
const ERAS = ["legacy", "modern"];
/** How it exits when a tool refused, or when there is no such tool. */
const TOOL_FAILED = 5;

/** Runs one method and answers its result; `exit` is the exit code that is expected. */
async function inspect(target, home, options, exit = 0) {
  const args = [INSPECTOR, "--cli", "--format", "json", ...options, ...target];
  let ran;
  try {
    ran = { code: 0, ...(await promisify(execFile)(process.execPath, args, { env: { ...process.env, HOME: home } })) };
  } catch (error) {
    if (typeof error.code !== "number") throw error;
    ran = error;
  }
  const what = options.join(" ");
  assert.equal(ran.code, exit, `${what} exits with ${ran.code}:\n${ran.stdout}\n${ran.stderr}`);
  return exit === 0 ? JSON.parse(ran.stdout).result : undefined;
}

async function drive(target, home) {
  const { tools } = await inspect(target, home, ["--method", "tools/list", "--strict"]);
  assert.deepEqual(tools.map(({ name }) => name).sort(), TOOLS);
  const call = async (name, args, exit) => {
    const options = ["--method", "tools/call", "--tool-name", name, "--tool-args-json", JSON.stringify(args)];
    return (await inspect(target, home, options, exit))?.structuredContent;
  };
  const marker = newMarker();
  const find = async () => {
    const { memories } = await call("search_memories", { query: marker });
    return memories.filter(({ text }) => text.includes(marker)).map(({ id }) => id);
  };
  const { memoryId } = await call("store_memory", { text: `2026-11-24: The inspector wrote ${marker}.` });
  assert.deepEqual(await find(), [memoryId], "A search does not find what was stored");
  const deleted = await call("delete_memories", { memoryIds: [memoryId] });
  assert.equal(deleted.deleted, 1, "A deletion counts wrongly");
  assert.deepEqual(await find(), [], "A search finds a deleted memory");
  assert.deepEqual(await call("restore_memories", { memoryIds: [memoryId] }), { restored: 1, failed: 0 });
  assert.deepEqual(await find(), [memoryId], "A search does not find what was restored");
  await call("store_memory", { text: 5 }, TOOL_FAILED);
  await call("no_such_tool", {}, TOOL_FAILED);
  await call("delete_memories", { memoryIds: [memoryId] });
}

await run(async (url, program) => {
  assert.ok(url && program, "usage: node inspector.mjs URL PROGRAM");
  const targets = [
    ["--transport", "http", "--header", `Authorization: Bearer ${process.env.COMMONPLACE_TOKEN}`, "--server-url", url],
    ["-e", `COMMONPLACE_DATA_DIR=${process.env.COMMONPLACE_DATA_DIR}`, "--", program, "mcp"],
  ];
  const home = await mkdtemp(join(tmpdir(), "commonplace-inspector-"));
  try {
    for (const target of targets) {
      for (const era of ERAS) await drive(["--protocol-era", era, ...target], home);
    }
  } finally {
    await rm(home, { recursive: true });
  }
});
