// Drives the server through mcp-remote, the proxy by which clients that only know
// standard input and output reach a server.
//
//     node remote.mjs URL    COMMONPLACE_PASSWORD and COMMONPLACE_TOKEN; URL is that of the MCP endpoint

import { strict as assert } from "node:assert";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { getDefaultEnvironment, StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

import { Browser } from "./browser.mjs";
import { newMarker, run, story, Tools } from "./story.mjs";

const PROXY = fileURLToPath(new URL("node_modules/mcp-remote/dist/proxy.js", import.meta.url));
const ASKS = /Please authorize this client by visiting:\n(\S+)\n/g;
/** Its code for a request that the server let nobody make. */
const UNAUTHORIZED = -32001;
const LISTENS = /OAuth callback server running at/g;

/**
 * Starts the proxy and connects to it. `config` is the folder where it keeps its
 * tokens. The person goes where it wants them to go; whether they allow to write
 * is what `writes` says, once for each time.
 */
async function start(url, config, { args = [], browser, writes = [] }) {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [PROXY, url, ...args],
    // `true` is the browser that it opens: a program that does nothing.
    env: { ...getDefaultEnvironment(), MCP_REMOTE_CONFIG_DIR: config, BROWSER: "true" },
    stderr: "pipe",
  });
  const proxy = { client: new Client({ name: "remote", version: "0" }), said: "", visits: 0 };
  let fail;
  proxy.failed = new Promise((_, reject) => {
    fail = reject;
  });
  proxy.failed.catch(() => {}); // Whoever waits for an answer hears of it.
  const visit = async (authorizeUrl, write) => {
    assert.notEqual(write, undefined, "The person is asked again");
    const callback = await browser.consent(authorizeUrl, { write });
    const page = await fetch(callback);
    assert.equal(page.status, 200, `mcp-remote answers ${page.status} to ${callback}: ${await page.text()}`);
  };
  transport.stderr.setEncoding("utf8").on("data", (text) => {
    proxy.said += text;
    // In the middle of a session it asks before it listens for the answer.
    const listened = [...proxy.said.matchAll(LISTENS)].length;
    for (const [, authorizeUrl] of [...proxy.said.matchAll(ASKS)].slice(proxy.visits, listened)) {
      visit(authorizeUrl, writes[proxy.visits]).catch(fail);
      proxy.visits += 1;
    }
  });
  proxy.try = (work) => Promise.race([work, proxy.failed]);
  try {
    await proxy.try(proxy.client.connect(transport));
  } catch (error) {
    await proxy.client.close();
    throw new Error(`mcp-remote does not connect: ${error.message}\n${proxy.said}`);
  }
  return proxy;
}

/** Does the work with a proxy that is closed after it. */
async function withProxy(url, config, options, work) {
  const proxy = await start(url, config, options);
  try {
    await proxy.try(work(proxy));
  } catch (error) {
    error.message += `\nmcp-remote said:\n${proxy.said}`;
    throw error;
  } finally {
    await proxy.client.close();
  }
}

/** The file in which the proxy keeps its tokens. */
async function tokensFile(config) {
  const files = await readdir(config, { recursive: true });
  const found = files.filter((file) => file.endsWith("_tokens.json"));
  assert.equal(found.length, 1, `mcp-remote keeps ${files}`);
  return join(config, found[0]);
}

async function kept(config) {
  return JSON.parse(await readFile(await tokensFile(config), "utf8"));
}

async function signingIn(url, config) {
  const browser = new Browser();
  await withProxy(url, config, { browser, writes: [true] }, async (proxy) => {
    await story(proxy.client);
    assert.equal(proxy.visits, 1, "The person is not asked");
  });
  await withProxy(url, config, { browser }, ({ client }) => story(client));
  const before = await kept(config);
  await writeFile(await tokensFile(config), JSON.stringify({ ...before, access_token: "spoilt" }));
  await withProxy(url, config, { browser }, ({ client }) => story(client));
  const after = await kept(config);
  assert.ok(!["spoilt", before.access_token].includes(after.access_token), "There is no new access token");
  assert.notEqual(after.refresh_token, before.refresh_token, "The refresh token is not changed");
}

async function reading(url, config) {
  const writes = [false, false, true];
  await withProxy(url, config, { browser: new Browser(), writes }, async (proxy) => {
    const scopes = async () => (await kept(config)).scope.split(" ").sort();
    assert.deepEqual(await scopes(), ["read"]);
    const tools = new Tools(proxy.client);
    await tools.list();
    await tools.call("search_memories", { query: "anything" });
    // What is refused makes the proxy ask for the scope that is missing.
    const memory = { text: `2026-11-24: The proxy wrote ${newMarker()}.` };
    const refused = proxy.client.callTool({ name: "store_memory", arguments: memory });
    await assert.rejects(refused, (error) => error.code === UNAUTHORIZED, "A client that may only read stores");
    assert.equal(proxy.visits, 2, "The person is not asked for the scope that is missing");
    const { isDuplicate, memoryId } = await tools.call("store_memory", memory);
    assert.equal(isDuplicate, false, "What was refused was stored");
    assert.equal(proxy.visits, 3, "The person is not asked once more");
    assert.deepEqual(await scopes(), ["read", "write"]);
    await tools.call("delete_memories", { memoryIds: [memoryId] });
  });
}

async function withToken(url, config) {
  const header = ["--header", `Authorization: Bearer ${process.env.COMMONPLACE_TOKEN}`];
  for (const args of [header, [...header, "--protocol", "auto"]]) {
    await withProxy(url, config, { args }, ({ client }) => story(client));
  }
}

await run(async (url) => {
  assert.ok(url, "usage: node remote.mjs URL");
  for (const work of [signingIn, reading, withToken]) {
    const config = await mkdtemp(join(tmpdir(), "commonplace-mcp-remote-"));
    try {
      await work(url, config);
    } finally {
      await rm(config, { recursive: true });
    }
  }
});
