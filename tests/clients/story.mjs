// What every client does with the memory, whatever it is written in and however
// it is connected. The first deviation throws.

import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import Ajv from "ajv/dist/2020.js";

/** The names of all tools, sorted. */
export const TOOLS = [
  "chat_history_overview",
  "create_bucket",
  "delete_memories",
  "export_conversation",
  "get_conversation_summary",
  "get_full_conversation",
  "get_memories_and_buckets",
  "list_buckets",
  "recall_chat_history",
  "restore_memories",
  "search_memories",
  "store_memory",
  "update_or_move_memories",
];
const INVALID_PARAMS = -32602;

/** The settings that a program started by a client is given. */
export function programEnvironment() {
  const names = ["COMMONPLACE_DATA_DIR", "COMMONPLACE_URL", "COMMONPLACE_TOKEN"];
  return Object.fromEntries(names.filter((name) => process.env[name]).map((name) => [name, process.env[name]]));
}

/**
 * Runs a script's `main`. What goes wrong is one message and exit code 1, and so
 * is what an SDK warns about.
 */
export async function run(main) {
  const warnings = [];
  console.warn = (...words) => warnings.push(words.join(" "));
  try {
    await main(...process.argv.slice(2));
    assert.deepEqual([...new Set(warnings)], [], "The client warns about the server");
  } catch (error) {
    console.error(error instanceof assert.AssertionError ? error.message : error);
    process.exit(1);
  }
}

/** A client's tools, each answer checked against what the tool says it answers. */
export class Tools {
  #validators = new Map();

  /** `client` is one of either SDK. */
  constructor(client) {
    this.client = client;
  }

  async list() {
    const { tools } = await this.client.listTools();
    assert.deepEqual(tools.map(({ name }) => name).sort(), TOOLS);
    const ajv = new Ajv({ strict: false, validateFormats: false });
    for (const { name, inputSchema, outputSchema } of tools) {
      assert.ok(ajv.validateSchema(inputSchema), `The input schema of ${name} is none: ${ajv.errorsText()}`);
      this.#validators.set(name, ajv.compile(outputSchema));
    }
  }

  async call(name, args) {
    const result = await this.client.callTool({ name, arguments: args });
    assert.ok(!result.isError, `${name} ${JSON.stringify(args)} fails: ${JSON.stringify(result.content)}`);
    const validate = this.#validators.get(name);
    const fits = validate(result.structuredContent);
    assert.ok(fits, `${name} answers against its schema: ${JSON.stringify(validate.errors)}`);
    assert.equal(result.content[0]?.type, "text", `${name} answers no text`);
    return result.structuredContent;
  }

  /** The ids of the memories with a marker that a search finds, sorted. */
  async find(marker) {
    const { memories } = await this.call("search_memories", { query: marker, limit: 20 });
    return memories.filter(({ text }) => text.includes(marker)).map(({ id }) => id).sort();
  }
}

/** A word that nothing else is found by. */
export function newMarker() {
  return `zq${randomBytes(6).toString("hex")}`;
}

/** Stores, finds, deletes, restores. Leaves nothing behind but the trash. */
export async function story(client) {
  const tools = new Tools(client);
  await tools.list();
  const marker = newMarker();
  const texts = ["opens the door of the workshop", "is kept in the blue box", "was lent to Ada in November"];
  const ids = [];
  for (const [index, text] of texts.entries()) {
    const stored = await tools.call("store_memory", { text: `2026-11-2${index}: The key ${marker} ${text}.` });
    assert.equal(stored.isDuplicate, false, "A new memory is called a duplicate");
    ids.push(stored.memoryId);
  }
  const again = await tools.call("store_memory", { text: `2026-11-20: The key ${marker} ${texts[0]}.` });
  assert.deepEqual(again, { memoryId: ids[0], isDuplicate: true }, "The same memory is stored twice");
  const all = [...ids].sort();
  assert.deepEqual(await tools.find(marker), all, "A search does not find what was stored");
  const query = `Who has the key ${marker}, was it lent?`;
  const { memories } = await tools.call("search_memories", { query, limit: 20 });
  const text = memories.find(({ id }) => id === ids[2])?.text;
  assert.equal(text, `2026-11-22: The key ${marker} ${texts[2]}.`, "A search answers another text than was stored");
  const overview = await tools.call("get_memories_and_buckets", { count: 3 });
  const newest = overview.memories.map(({ id }) => id);
  assert.deepEqual(newest, [...ids].reverse(), "The newest memories are not listed first");

  const gone = ids.slice(0, 2);
  const dry = await tools.call("delete_memories", { memoryIds: gone, dry_run: true });
  assert.deepEqual([dry.deleted, dry.failed, dry.dryRun], [2, 0, true], "A dry run counts wrongly");
  assert.deepEqual(await tools.find(marker), all, "A dry run deletes");
  const deleted = await tools.call("delete_memories", { memoryIds: gone });
  assert.deepEqual([deleted.deleted, deleted.failed, deleted.dryRun], [2, 0, false], "A deletion counts wrongly");
  assert.ok(deleted.receipt, "A deletion gives no receipt");
  assert.deepEqual(await tools.find(marker), [ids[2]], "A search finds deleted memories, or not the one that is left");
  const more = await tools.call("delete_memories", { memoryIds: gone });
  assert.deepEqual([more.deleted, more.failed], [0, 2], "Deleted memories are deleted again");
  const restored = await tools.call("restore_memories", { memoryIds: gone });
  assert.deepEqual([restored.restored, restored.failed], [2, 0], "Restoring counts wrongly");
  assert.deepEqual(await tools.find(marker), all, "A search does not find what was restored");

  const unknown = client.callTool({ name: "no_such_tool", arguments: {} });
  await assert.rejects(unknown, (error) => error.code === INVALID_PARAMS, "An unknown tool is no protocol error");
  for (const args of [{}, { text: 5 }, { text: "" }, { text: "x", bucketId: "General" }]) {
    const wrong = await client.callTool({ name: "store_memory", arguments: args });
    assert.equal(wrong.isError, true, `store_memory ${JSON.stringify(args)} is no error: ${JSON.stringify(wrong)}`);
    assert.ok(wrong.content[0]?.text, "An error does not say what is wrong");
  }
  const last = await tools.call("delete_memories", { memoryIds: ids });
  assert.equal(last.deleted, 3, "The memories can't be deleted");
}
