// Drives the server with the TypeScript SDK of version 2, in every revision of the
// protocol that it can be told to speak.
//
//     node sdk2.mjs stdio PROGRAM    COMMONPLACE_DATA_DIR, or COMMONPLACE_URL and COMMONPLACE_TOKEN
//     node sdk2.mjs token URL        COMMONPLACE_TOKEN
//     node sdk2.mjs http URL         COMMONPLACE_PASSWORD; URL is that of the MCP endpoint

import { strict as assert } from "node:assert";
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from "@modelcontextprotocol/client";
import { getDefaultEnvironment, StdioClientTransport } from "@modelcontextprotocol/client/stdio";

import { oauthStory } from "./oauth.mjs";
import { programEnvironment, run, story } from "./story.mjs";

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

async function http(negotiation, url) {
  /** Connects; where the person had to be asked, once more with what they allowed. */
  const connect = async (provider, fetch) => {
    const transport = () => new StreamableHTTPClientTransport(new URL(url), { authProvider: provider, fetch });
    const first = transport();
    try {
      return await open(first, negotiation);
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) throw error;
    }
    await first.finishAuth(provider.answer);
    return open(transport(), negotiation);
  };
  // It has the person asked for the scope that is missing.
  await oauthStory(connect, { sends: 1, visits: 2, throws: (error) => error instanceof UnauthorizedError });
}

await run(async (mode, target) => {
  const modes = { stdio, token, http };
  assert.ok(modes[mode] && target, "usage: node sdk2.mjs stdio|token|http TARGET");
  for (const negotiation of NEGOTIATIONS) await modes[mode](negotiation, target);
});
