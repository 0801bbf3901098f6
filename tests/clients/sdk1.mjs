// Drives the server with the TypeScript SDK of version 1.
//
//     node sdk1.mjs stdio PROGRAM    COMMONPLACE_DATA_DIR, or COMMONPLACE_URL and COMMONPLACE_TOKEN
//     node sdk1.mjs token URL        COMMONPLACE_TOKEN
//     node sdk1.mjs http URL         COMMONPLACE_PASSWORD; URL is that of the MCP endpoint

import { strict as assert } from "node:assert";
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { getDefaultEnvironment, StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

import { Browser } from "./browser.mjs";
import { Provider, recorder } from "./oauth.mjs";
import { programEnvironment, run, story, Tools } from "./story.mjs";

const newClient = () => new Client({ name: "sdk1", version: "0" });

async function stdio(program) {
  const env = { ...getDefaultEnvironment(), ...programEnvironment() };
  const client = newClient();
  await client.connect(new StdioClientTransport({ command: program, args: ["mcp"], env }));
  await story(client);
  await client.close();
}

async function token(url) {
  const headers = { authorization: `Bearer ${process.env.COMMONPLACE_TOKEN}` };
  const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
  const client = newClient();
  await client.connect(transport);
  assert.equal(transport.protocolVersion, "2025-11-25");
  await story(client);
  await client.close();
}

/** Connects; where the person had to be asked, once more with what they allowed. */
async function connect(url, provider, fetch) {
  const open = () => new StreamableHTTPClientTransport(new URL(url), { authProvider: provider, fetch });
  const transport = open();
  const client = newClient();
  try {
    await client.connect(transport);
    return client;
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
  }
  await transport.finishAuth(provider.answer.get("code"));
  const allowed = newClient();
  await allowed.connect(open());
  return allowed;
}

async function http(url) {
  const browser = new Browser();
  const record = recorder();
  const provider = new Provider(browser, { write: true });
  let client = await connect(url, provider, record.fetch);
  assert.equal(record.count(({ path, status }) => path === "/oauth/register" && status === 201), 1);
  assert.equal(record.count(({ grant, status }) => grant === "authorization_code" && status === 200), 1);
  assert.deepEqual(provider.tokens().scope.split(" ").sort(), ["read", "write"]);
  await story(client);

  // The same connection goes on with a new access token,
  const before = provider.tokens();
  provider.spoilAccessToken();
  await story(client);
  const refreshed = () => record.count(({ grant, status }) => grant === "refresh_token" && status === 200);
  assert.equal(refreshed(), 1, "A 401 does not lead to one refresh");
  assert.notEqual(provider.tokens().refresh_token, before.refresh_token, "The refresh token is not changed");
  await client.close();
  // and so does a new one.
  provider.spoilAccessToken();
  client = await connect(url, provider, record.fetch);
  await story(client);
  await client.close();
  assert.equal(refreshed(), 2, "A 401 does not lead to one refresh");
  assert.equal(provider.visits, 1, "The person is asked again");

  const reader = new Provider(browser, { write: false });
  const refusals = recorder();
  client = await connect(url, reader, refusals.fetch);
  assert.equal(reader.tokens().scope, "read");
  const tools = new Tools(client);
  await tools.list();
  await tools.call("search_memories", { query: "anything" });
  const store = client.callTool({ name: "store_memory", arguments: { text: "2026-11-24: This may not be stored." } });
  // This SDK takes a refused scope for a reason to refresh, and gives up on the second refusal.
  await assert.rejects(store, (error) => error.code === 403, "A client that may only read stores");
  const is403 = ({ status, challenge }) => status === 403 && /error="insufficient_scope"/.test(challenge) && /scope="read write"/.test(challenge);
  assert.equal(refusals.count(is403), 2, `The refusal looks different: ${JSON.stringify(refusals.requests.slice(-3))}`);
  await tools.call("list_buckets", {});
  await client.close();
}

await run((mode, target) => {
  const modes = { stdio, token, http };
  assert.ok(modes[mode] && target, "usage: node sdk1.mjs stdio|token|http TARGET");
  return modes[mode](target);
});
