// What a client keeps about its authorization, as the TypeScript SDKs ask for it,
// and a record of what they sent.

import { strict as assert } from "node:assert";
import { randomUUID } from "node:crypto";

/** Where the answers go. Nothing listens there: the person reads them off the redirect. */
const REDIRECT = "http://127.0.0.1:33418/callback";

/** An OAuthClientProvider that lives in memory and whose browser is a person. */
export class Provider {
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
    this.requested = url.searchParams.get("scope")?.split(" ").sort();
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
export function recorder() {
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
