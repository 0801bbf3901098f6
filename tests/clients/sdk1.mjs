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

import { oauthStory } from "./oauth.mjs";
import { programEnvironment, run, story } from "./story.mjs";

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

async function http(url) {
  /** Connects; where the person had to be asked, once more with what they allowed. */
  const connect = async (provider, fetch) => {
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
  };
  // It takes a refused scope for a reason to refresh, and gives up on the second refusal.
  await oauthStory(connect, { sends: 2, visits: 1, throws: (error) => error.code === 403 });
}

await run((mode, target) => {
  const modes = { stdio, token, http };
  assert.ok(modes[mode] && target, "usage: node sdk1.mjs stdio|token|http TARGET");
  return modes[mode](target);
});
