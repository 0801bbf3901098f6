// Runs the authorization server scenarios of the conformance suite against the
// server, with a person who signs in and allows what the suite asks for.
//
//     node authorization.mjs URL    COMMONPLACE_PASSWORD; URL is that of the MCP endpoint

import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { Browser } from "./browser.mjs";
import { run } from "./story.mjs";

const SUITE = fileURLToPath(new URL("node_modules/conformance-next/dist/index.js", import.meta.url));
const SCENARIOS = ["authorization-code-grant", "authorization-server-metadata-endpoint"];

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** Registers the suite, which can't do that itself, and answers its id. */
async function register(issuer, port) {
  const metadata = {
    client_name: "conformance suite",
    redirect_uris: [`http://127.0.0.1:${port}/callback`],
    token_endpoint_auth_method: "none",
  };
  const response = await fetch(new URL("/oauth/register", issuer), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(metadata),
  });
  const text = await response.text();
  assert.equal(response.status, 201, `Registering answers ${response.status}: ${text}`);
  return JSON.parse(text).client_id;
}

/** Runs the suite and goes where it asks the person to go; answers what it printed and its exit code. */
async function conform(issuer, args) {
  const stdio = ["ignore", "pipe", "inherit"];
  const suite = spawn(process.execPath, [SUITE, "authorization", "--url", issuer, ...args], { stdio });
  const exited = once(suite, "exit");
  const lines = [];
  const browser = new Browser();
  try {
    for await (const line of createInterface({ input: suite.stdout })) {
      lines.push(line);
      if (!line.startsWith(`${issuer}/oauth/authorize?`)) continue;
      const callback = await browser.consent(line);
      const page = await fetch(callback);
      assert.equal(page.status, 200, `The suite answers ${page.status} to ${callback}`);
    }
  } finally {
    suite.kill();
  }
  const [code] = await exited;
  return { code, printed: lines.join("\n") };
}

/** The checks that the suite wrote into a folder, of each scenario. */
async function checks(folder) {
  const results = {};
  for (const file of (await readdir(folder, { recursive: true })).filter((file) => file.endsWith("checks.json"))) {
    const scenario = SCENARIOS.find((name) => file.includes(name));
    results[scenario ?? file] = JSON.parse(await readFile(join(folder, file), "utf8")).map(({ status }) => status);
  }
  return results;
}

await run(async (url) => {
  assert.ok(url, "usage: node authorization.mjs URL");
  const issuer = new URL(url).origin;
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), "commonplace-conformance-"));
  try {
    const clientId = await register(issuer, port);
    const args = ["--client-id", clientId, "--resource", url, "--port", String(port), "--output-dir", folder];
    const { code, printed } = await conform(issuer, args);
    assert.equal(code, 0, `The suite exits with ${code}:\n${printed}`);
    const results = await checks(folder);
    assert.deepEqual(Object.keys(results).sort(), SCENARIOS, `Other scenarios ran: ${printed}`);
    for (const [scenario, statuses] of Object.entries(results)) {
      const passed = statuses.length > 0 && statuses.every((status) => status === "SUCCESS");
      assert.ok(passed, `${scenario}: ${statuses}\n${printed}`);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
