// Drives the server with the TypeScript SDK of version 2, in every revision of the
// protocol that it can be told to speak.
//
//     node sdk2.mjs stdio PROGRAM    COMMONPLACE_DATA_DIR, or COMMONPLACE_URL and COMMONPLACE_TOKEN
//     node sdk2.mjs token URL        COMMONPLACE_TOKEN
//     node sdk2.mjs http URL         COMMONPLACE_PASSWORD; URL is that of the MCP endpoint

import { strict as assert } from "node:assert";
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from "@modelcontextprotocol/client";
import { getDefaultEnvironment, StdioClientTransport } from "@modelcontextprotocol/client/stdio";

import { Browser } from "./browser.mjs";
import { Provider, recorder } from "./oauth.mjs";
import { programEnvironment, run, story, Tools } from "./story.mjs";

/** How a client may choose the revision, and what is agreed on then. */
const NEGOTIATIONS = [
  { agreed: "2025-11-25" },
  { mode: "auto", agreed: "2026-07-28" },
  { mode: { pin: "2026-07-28" }, agreed: "2026-07-28" },
];

async function open(transport, { mode, agreed }) {
  const client = new Client({ name: "sdk2", version: "0" }, mode && { versionNegotiation: { mode } });
  await client.connect(transport);
  assert.equal(client.getNegotiatedProtocolVersion(), agreed);
  return client;
}

async function stdio(negotiation, program) {
  const env = { ...getDefaultEnvironment(), ...programEnvironment() };
  const client = await open(new StdioClientTransport({ command: program, args: ["mcp"], env }), negotiation);
  await story(client);
  await client.close();
}

async function token(negotiation, url) {
  const headers = { authorization: `Bearer ${process.env.COMMONPLACE_TOKEN}` };
  const client = await open(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }), negotiation);
  await story(client);
  await client.close();
}

/** Connects; where the person had to be asked, once more with what they allowed. */
async function connect(url, negotiation, provider, fetch) {
  const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider, fetch });
  try {
    return await open(transport, negotiation);
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
  }
  await transport.finishAuth(provider.answer);
  return open(new StreamableHTTPClientTransport(new URL(url), { authProvider: provider, fetch }), negotiation);
}

async function http(negotiation, url) {
  const browser = new Browser();
  const record = recorder();
  const provider = new Provider(browser, { write: true });
  let client = await connect(url, negotiation, provider, record.fetch);
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
  client = await connect(url, negotiation, provider, record.fetch);
  await story(client);
  await client.close();
  assert.equal(refreshed(), 2, "A 401 does not lead to one refresh");
  assert.equal(provider.visits, 1, "The person is asked again");

  const reader = new Provider(browser, { write: false });
  const refusals = recorder();
  client = await connect(url, negotiation, reader, refusals.fetch);
  assert.equal(reader.tokens().scope, "read");
  const tools = new Tools(client);
  await tools.list();
  await tools.call("search_memories", { query: "anything" });
  const store = () => client.callTool({ name: "store_memory", arguments: { text: "2026-11-24: This may not be stored." } });
  // The SDK asks for the scope that is missing, and the person refuses it again.
  await assert.rejects(store, (error) => error instanceof UnauthorizedError, "A client that may only read stores");
  const is403 = ({ status, challenge }) => status === 403 && /error="insufficient_scope"/.test(challenge) && /scope="read write"/.test(challenge);
  assert.equal(refusals.count(is403), 1, `The refusal looks different: ${JSON.stringify(refusals.requests.slice(-3))}`);
  assert.equal(reader.visits, 2, "The person is not asked for the scope that is missing");
  await tools.call("list_buckets", {});
  await client.close();
}

await run(async (mode, target) => {
  const modes = { stdio, token, http };
  assert.ok(modes[mode] && target, "usage: node sdk2.mjs stdio|token|http TARGET");
  for (const negotiation of NEGOTIATIONS) await modes[mode](negotiation, target);
});
