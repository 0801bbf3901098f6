// The person at a browser: keeps cookies, follows redirects, fills in forms.

import { strict as assert } from "node:assert";

const NAMED = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0" };

/** Text of an attribute as a browser reads it. */
function unescapeHtml(text) {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|([a-z]+));/gi, (whole, hex, decimal, name) => {
    if (name) return NAMED[name] ?? whole;
    return String.fromCodePoint(hex ? parseInt(hex, 16) : Number(decimal));
  });
}

const ATTRIBUTE = /([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+)))?/;

/** The tags of these names in a page, each with its attributes. */
function tags(html, names) {
  const found = [];
  const tag = new RegExp(`<(${names.join("|")})\\b((?:\\s+${ATTRIBUTE.source})*)\\s*/?>`, "gi");
  for (const [, name, rest] of html.matchAll(tag)) {
    const attributes = {};
    for (const [, key, double, single, bare] of rest.matchAll(new RegExp(ATTRIBUTE, "g"))) {
      attributes[key.toLowerCase()] = unescapeHtml(double ?? single ?? bare ?? "");
    }
    found.push({ name: name.toLowerCase(), attributes });
  }
  return found;
}

/** The only form of a page: where it goes, and what each control would send. */
export function parseForm(html) {
  const forms = [...html.matchAll(/<form\b[\s\S]*?<\/form>/gi)].map(([form]) => form);
  assert.equal(forms.length, 1, `The page has ${forms.length} forms instead of one: ${html}`);
  const { action, method } = tags(forms[0], ["form"])[0].attributes;
  assert.equal(method?.toLowerCase(), "post", "The form is not sent by POST");
  const controls = tags(forms[0], ["input", "button"]).map(({ name, attributes }) => ({
    name: attributes.name,
    value: attributes.value ?? "on",
    type: name === "button" ? "submit" : (attributes.type ?? "text").toLowerCase(),
  }));
  const hidden = controls.filter(({ type, name }) => type === "hidden" && name);
  return { action, controls, hidden: hidden.map(({ name, value }) => [name, value]) };
}

export class Browser {
  #cookies = new Map();

  constructor(name = "owner", password = process.env.COMMONPLACE_PASSWORD) {
    assert.ok(password, "COMMONPLACE_PASSWORD has to hold the password to sign in with");
    this.name = name;
    this.password = password;
  }

  /** One request, which follows no redirect. */
  async #request(url, fields) {
    const headers = { accept: "text/html" };
    if (this.#cookies.size) headers.cookie = [...this.#cookies].map(([key, value]) => `${key}=${value}`).join("; ");
    if (fields) headers.origin = new URL(url).origin;
    const body = fields && new URLSearchParams(fields);
    const response = await fetch(url, { method: fields ? "POST" : "GET", headers, body, redirect: "manual" });
    for (const cookie of response.headers.getSetCookie()) {
      const [pair, ...attributes] = cookie.split(";").map((part) => part.trim());
      const [key, value] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
      if (attributes.some((attribute) => /^max-age=0$/i.test(attribute))) this.#cookies.delete(key);
      else this.#cookies.set(key, value);
    }
    const location = response.headers.get("location");
    return { status: response.status, location: location && new URL(location, url), text: await response.text() };
  }

  /** Signs in on the page at `url`, and answers where that leads. */
  async signIn(url) {
    const page = await this.#request(url);
    assert.equal(page.status, 200, `The sign-in page answers ${page.status}: ${page.text}`);
    const form = parseForm(page.text);
    const fields = [...form.hidden, ["name", this.name], ["password", this.password]];
    const answer = await this.#request(new URL(form.action, url), fields);
    assert.equal(answer.status, 303, `Signing in answers ${answer.status}: ${answer.text}`);
    return answer.location;
  }

  /**
   * Opens the address that a client wants opened, signs in where that is asked
   * for, and allows the client to read, and to write if `write` is set. Answers
   * the address to which that leads, which is the client's.
   */
  async consent(authorizeUrl, { write = true } = {}) {
    let url = new URL(authorizeUrl);
    let page = await this.#request(url);
    if (page.status === 303 && page.location.pathname === "/sign-in") {
      url = await this.signIn(page.location);
      page = await this.#request(url);
    }
    assert.equal(page.status, 200, `The page of consent answers ${page.status} ${page.location ?? ""}: ${page.text}`);
    const form = parseForm(page.text);
    const fields = [...form.hidden, ["decision", "allow"]];
    const mayWrite = form.controls.find(({ name }) => name === "may_write");
    if (write) assert.ok(mayWrite, `Nobody asks whether the client may write: ${page.text}`);
    if (write) fields.push([mayWrite.name, mayWrite.value]);
    const answer = await this.#request(new URL(form.action, url), fields);
    assert.equal(answer.status, 303, `Allowing answers ${answer.status}: ${answer.text}`);
    return answer.location;
  }
}
