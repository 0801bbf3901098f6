// What a client keeps about its authorization, as the TypeScript SDKs ask for it,
// a record of what they sent, and what they do with it.

import { strict as assert } from "node:assert";
import { randomUUID } from "node:crypto";

import { Browser } from "./browser.mjs";
import { newMarker, story, Tools } from "./story.mjs";

/** Where the answers go. Nothing listens there: the person reads them off the redirect. */
const REDIRECT = "http://127.0.0.1:33418/callback";

/** An OAuthClientProvider that lives in memory and whose browser is a person. */
class Provider {
  redirectUrl = REDIRECT;
  clientMetadata = {
    client_name: "commonplace client tests",
    redirect_uris: [REDIRECT],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  };
  /** How often a browser was opened. */
  visits = 0;
  #client;
  #tokens;
  #verifier;
  #state;
  #discovery;

  constructor(browser, { write }) {
    this.browser = browser;
    this.write = write;
  }

  state() {
    this.#state = randomUUID();
    return this.#state;
  }
  clientInformation() {
    return this.#client;
  }
  saveClientInformation(client) {
    this.#client = client;
  }
  tokens() {
    return this.#tokens;
  }
  saveTokens(tokens) {
    this.#tokens = tokens;
  }
  codeVerifier() {
    return this.#verifier;
  }
  saveCodeVerifier(verifier) {
    this.#verifier = verifier;
  }
  discoveryState() {
    return this.#discovery;
  }
  saveDiscoveryState(discovery) {
    this.#discovery = discovery;
  }

  async redirectToAuthorization(url) {
    this.visits += 1;
    const answer = await this.browser.consent(url, { write: this.write });
    assert.ok(answer.href.startsWith(`${REDIRECT}?`), `The person is sent to ${answer}`);
    assert.equal(answer.searchParams.get("state"), this.#state, "The state comes back changed");
    assert.equal(answer.searchParams.get("iss"), url.origin, "The answer names another issuer");
    this.answer = answer.searchParams;
  }

  /** Makes the access token useless, as if it had expired. */
  spoilAccessToken() {
    this.#tokens = { ...this.#tokens, access_token: "spoilt" };
  }
}

/** A `fetch` that remembers each request. */
function recorder() {
  const requests = [];
  const recording = async (input, init) => {
    const response = await fetch(input, init);
    const body = init?.body instanceof URLSearchParams ? init.body : new URLSearchParams();
    requests.push({
      path: new URL(input.url ?? input).pathname,
      status: response.status,
      grant: body.get("grant_type"),
      challenge: response.headers.get("www-authenticate"),
    });
    return response;
  };
  /** How many requests of a kind there were. */
  const count = (is) => requests.filter(is).length;
  return { fetch: recording, requests, count };
}

/**
 * Registers, signs in, refreshes, and is refused what was not allowed. `connect`
 * gives a client of either SDK for a provider and a `fetch`. `refusal` is what the
 * SDK does about a scope that is missing: how often it sends the request, how
 * often the person is asked in all, and whether an error is the one it throws.
 */
export async function oauthStory(connect, refusal) {
  const browser = new Browser();
  const record = recorder();
  const provider = new Provider(browser, { write: true });
  let client = await connect(provider, record.fetch);
  const registered = ({ path, status }) => path === "/oauth/register" && status === 201;
  assert.equal(record.count(registered), 1, "The client does not register once");
  const redeemed = ({ grant, status }) => grant === "authorization_code" && status === 200;
  assert.equal(record.count(redeemed), 1, "The code is not redeemed once");
  assert.deepEqual(provider.tokens().scope.split(" ").sort(), ["read", "write"]);
  await story(client);

  // The same connection goes on with a new access token,
  const before = provider.tokens();
  provider.spoilAccessToken();
  await story(client);
  const refreshes = () => record.count(({ grant, status }) => grant === "refresh_token" && status === 200);
  assert.equal(refreshes(), 1, "A 401 does not lead to one refresh");
  assert.notEqual(provider.tokens().refresh_token, before.refresh_token, "The refresh token is not changed");
  await client.close();
  // and so does a new one.
  provider.spoilAccessToken();
  client = await connect(provider, record.fetch);
  await story(client);
  await client.close();
  assert.equal(refreshes(), 2, "A 401 does not lead to one refresh");
  assert.equal(provider.visits, 1, "The person is asked again");

  const reader = new Provider(browser, { write: false });
  const refusals = recorder();
  client = await connect(reader, refusals.fetch);
  assert.equal(reader.tokens().scope, "read");
  const tools = new Tools(client);
  await tools.list();
  const marker = newMarker();
  const text = `2026-11-24: This is not allowed: ${marker}.`;
  const store = client.callTool({ name: "store_memory", arguments: { text } });
  await assert.rejects(store, refusal.throws, "A client that may only read stores, or is refused otherwise");
  const challenges = refusals.requests.filter(({ status }) => status === 403).map(({ challenge }) => challenge);
  assert.equal(challenges.length, refusal.sends, "It is not refused with 403 each time");
  for (const challenge of challenges) {
    assert.match(challenge, /error="insufficient_scope"/);
    assert.match(challenge, /scope="read write"/);
  }
  assert.equal(reader.visits, refusal.visits, "The person is asked more or less often");
  assert.deepEqual(await tools.find(marker), [], "What was refused was stored");
  await client.close();
}
