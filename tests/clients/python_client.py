"""Drives the server with the Python SDK, in every revision of the protocol that
it can be told to speak.

    python_client.py stdio PROGRAM    COMMONPLACE_DATA_DIR, or COMMONPLACE_URL and COMMONPLACE_TOKEN
    python_client.py token URL        COMMONPLACE_TOKEN
    python_client.py http URL         COMMONPLACE_PASSWORD; URL is that of the MCP endpoint
"""

import asyncio
import contextlib
import html.parser
import logging
import os
import secrets
import sys
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

from mcp import Client, MCPError, StdioServerParameters
from mcp.client.auth import OAuthClientProvider
from mcp.client.stdio import get_default_environment
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))

from kept import Storage  # noqa: E402

TOOLS = [
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
]
# How a client may choose the revision, and what is agreed on then.
MODES = [("legacy", "2025-11-25"), ("auto", "2026-07-28"), ("2026-07-28", "2026-07-28")]
# Where the answers go. Nothing listens there: the person reads them off the redirect.
REDIRECT = "http://127.0.0.1:33419/callback"
INVALID_PARAMS = -32602


class Deviation(Exception):
    """The server did something else than it should."""


def expect(holds, what):
    if not holds:
        raise Deviation(what)


class Form(html.parser.HTMLParser):
    """The form of a page: where it goes, and what its controls would send."""

    def __init__(self, page):
        super().__init__()
        self.action = None
        self.hidden = []
        self.named = {}
        self.feed(page)
        expect(self.action, f"The page has no form: {page}")

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag == "form":
            expect(self.action is None, "The page has two forms")
            expect(found.get("method", "get").lower() == "post", "The form is not sent by POST")
            self.action = found["action"]
        elif tag in ("input", "button") and "name" in found:
            self.named[found["name"]] = found.get("value", "on")
            if found.get("type") == "hidden":
                self.hidden.append((found["name"], found.get("value", "")))


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Browser:
    """The person at a browser, who keeps cookies and fills in forms."""

    def __init__(self):
        self.password = os.environ["COMMONPLACE_PASSWORD"]
        cookies = urllib.request.HTTPCookieProcessor(CookieJar())
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), cookies, NoRedirect)

    def request(self, url, fields=None):
        """The status, the address to go to next, and the page."""
        body = None if fields is None else urllib.parse.urlencode(fields).encode()
        try:
            response = self.opener.open(urllib.request.Request(url, body), timeout=30)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            location = response.headers.get("location")
            return response.status, location and urllib.parse.urljoin(url, location), response.read().decode()

    def consent(self, url, write):
        """Signs in where that is asked for, allows the client, and answers where that leads."""
        status, location, page = self.request(url)
        if status == 303 and urllib.parse.urlsplit(location).path == "/sign-in":
            sign_in = location
            status, _, page = self.request(sign_in)
            expect(status == 200, f"The sign-in page answers {status}: {page}")
            form = Form(page)
            fields = [*form.hidden, ("name", "owner"), ("password", self.password)]
            status, url, page = self.request(urllib.parse.urljoin(sign_in, form.action), fields)
            expect(status == 303, f"Signing in answers {status}: {page}")
            status, location, page = self.request(url)
        expect(status == 200, f"The page of consent answers {status} {location}: {page}")
        form = Form(page)
        fields = [*form.hidden, ("decision", "allow")]
        if write:
            fields.append(("may_write", form.named["may_write"]))
        status, location, page = self.request(urllib.parse.urljoin(url, form.action), fields)
        expect(status == 303, f"Allowing answers {status}: {page}")
        return location


class Authorization:
    """A client's provider of tokens, whose browser is a person, and a record of what it sent.

    `writes` is whether the person allows to write, once for each time they are asked.
    """

    def __init__(self, url, browser, writes):
        self.browser = browser
        self.writes = list(writes)
        self.visits = 0
        self.answer = None
        self.sent = []
        self.storage = Storage()
        metadata = OAuthClientMetadata(
            client_name="commonplace client tests",
            redirect_uris=[REDIRECT],
            grant_types=["authorization_code", "refresh_token"],
            response_types=["code"],
            token_endpoint_auth_method="none",
        )
        self.provider = OAuthClientProvider(url, metadata, self.storage, self.visit, self.answered)

    async def visit(self, url):
        expect(self.visits < len(self.writes), "The person is asked again")
        location = await asyncio.to_thread(self.browser.consent, url, self.writes[self.visits])
        self.visits += 1
        expect(location.startswith(f"{REDIRECT}?"), f"The person is sent to {location}")
        self.answer = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))

    async def answered(self):
        return AuthorizationCodeResult(code=self.answer["code"], state=self.answer["state"], iss=self.answer["iss"])

    async def record(self, response):
        grant = None
        if response.request.url.path == "/oauth/token":
            grant = dict(urllib.parse.parse_qsl(response.request.content.decode()))["grant_type"]
        challenge = response.headers.get("www-authenticate", "")
        self.sent.append((response.request.url.path, response.status_code, grant, challenge))

    def count(self, path, status, grant=None):
        return sum(sent[:3] == (path, status, grant) for sent in self.sent)

    def expire(self):
        """Lets the access token's time be over."""
        self.provider.context.token_expiry_time = 1.0


class Tools:
    """A client's tools. The SDK checks each answer against what the tool says it answers."""

    def __init__(self, client):
        self.client = client

    async def list(self):
        listed = await self.client.list_tools()
        expect(sorted(tool.name for tool in listed.tools) == TOOLS, f"The tools are {listed.tools}")
        expect(all(tool.output_schema for tool in listed.tools), "A tool does not say what it answers")

    async def call(self, name, **arguments):
        result = await self.client.call_tool(name, arguments)
        expect(not result.is_error, f"{name} {arguments} fails: {result.content}")
        return result.structured_content

    async def find(self, marker):
        found = await self.call("search_memories", query=marker, limit=20)
        return sorted(memory["id"] for memory in found["memories"] if marker in memory["text"])


async def story(client):
    """Stores, finds, deletes, restores. Leaves nothing behind but the trash."""
    tools = Tools(client)
    await tools.list()
    marker = f"zq{secrets.token_hex(6)}"
    texts = [f"2026-11-24: The key {marker} opens door {number}." for number in ("one", "two", "three")]
    stored = [await tools.call("store_memory", text=text) for text in texts]
    expect(not any(memory["isDuplicate"] for memory in stored), "A new memory is called a duplicate")
    ids = [memory["memoryId"] for memory in stored]
    again = await tools.call("store_memory", text=texts[0])
    expect(again == {"memoryId": ids[0], "isDuplicate": True}, "The same memory is stored twice")
    expect(await tools.find(marker) == sorted(ids), "A search does not find what was stored")

    gone = ids[:2]
    dry = await tools.call("delete_memories", memoryIds=gone, dry_run=True)
    expect((dry["deleted"], dry["failed"], dry["dryRun"]) == (2, 0, True), f"A dry run counts {dry}")
    expect(await tools.find(marker) == sorted(ids), "A dry run deletes")
    deleted = await tools.call("delete_memories", memoryIds=gone)
    expect((deleted["deleted"], deleted["failed"], deleted["dryRun"]) == (2, 0, False), f"A deletion counts {deleted}")
    expect(deleted["receipt"], "A deletion gives no receipt")
    expect(await tools.find(marker) == [ids[2]], "A search finds deleted memories, or not the one that is left")
    restored = await tools.call("restore_memories", memoryIds=gone)
    expect(restored == {"restored": 2, "failed": 0}, f"Restoring counts {restored}")
    expect(await tools.find(marker) == sorted(ids), "A search does not find what was restored")

    await refused(client.call_tool("no_such_tool", {}), INVALID_PARAMS)
    for arguments in ({}, {"text": 5}, {"text": ""}, {"text": "x", "bucketId": "General"}):
        wrong = await client.call_tool("store_memory", arguments)
        expect(wrong.is_error and wrong.content[0].text, f"store_memory {arguments} is no error: {wrong}")
    last = await tools.call("delete_memories", memoryIds=ids)
    expect(last["deleted"] == 3, "The memories can't be deleted")


async def refused(call, code=None):
    try:
        result = await call
    except MCPError as error:
        expect(code in (None, error.code), f"It is refused with {error}")
    else:
        raise Deviation(f"It is not refused: {result}")


@contextlib.asynccontextmanager
async def connected(transport, mode, agreed):
    async with Client(transport, mode=mode, read_timeout_seconds=30) as client:
        expect(client.protocol_version == agreed, f"{client.protocol_version} is agreed on instead of {agreed}")
        yield client


@contextlib.asynccontextmanager
async def over_http(url, mode, agreed, headers=None, authorization=None):
    async with create_mcp_http_client(headers=headers, auth=authorization and authorization.provider) as http_client:
        if authorization:
            http_client.event_hooks = {"response": [authorization.record]}
        async with connected(streamable_http_client(url, http_client=http_client), mode, agreed) as client:
            yield client


async def stdio(program, *revision):
    names = ("COMMONPLACE_DATA_DIR", "COMMONPLACE_URL", "COMMONPLACE_TOKEN")
    environment = get_default_environment() | {name: os.environ[name] for name in names if name in os.environ}
    parameters = StdioServerParameters(command=program, args=["mcp"], env=environment)
    async with connected(parameters, *revision) as client:
        await story(client)


async def token(url, *revision):
    headers = {"Authorization": f"Bearer {os.environ['COMMONPLACE_TOKEN']}"}
    async with over_http(url, *revision, headers=headers) as client:
        await story(client)


async def http(url, *revision):
    browser = Browser()
    writer = Authorization(url, browser, [True])
    async with over_http(url, *revision, authorization=writer) as client:
        await story(client)
        expect(writer.count("/oauth/register", 201) == 1, "The client does not register once")
        expect(writer.count("/oauth/token", 200, "authorization_code") == 1, "The code is not redeemed")
        expect(sorted(writer.storage.tokens.scope.split()) == ["read", "write"], "Something else is allowed")
        # The same connection goes on with a new access token,
        before = writer.storage.tokens
        writer.expire()
        await story(client)
        expect(writer.count("/oauth/token", 200, "refresh_token") == 1, "There is not one refresh")
        expect(writer.storage.tokens.refresh_token != before.refresh_token, "The refresh token is not changed")
    # and so does a new one.
    writer.expire()
    async with over_http(url, *revision, authorization=writer) as client:
        await story(client)
    expect(writer.count("/oauth/token", 200, "refresh_token") == 2, "There is not one refresh")
    expect(writer.visits == 1, "The person is asked again")

    reader = Authorization(url, browser, [False, False, True])
    async with over_http(url, *revision, authorization=reader) as client:
        tools = Tools(client)
        await tools.list()
        expect(reader.storage.tokens.scope == "read", "Something else is allowed")
        await tools.call("search_memories", query="anything")
        # What is refused makes the SDK ask for the scope that is missing.
        memory = f"2026-11-24: The Python SDK wrote {secrets.token_hex(6)}."
        await refused(client.call_tool("store_memory", {"text": memory}))
        challenges = [challenge for _, status, _, challenge in reader.sent if status == 403]
        wanted = ('error="insufficient_scope"', 'scope="read write"')
        expect(len(challenges) == 2 and all(part in one for one in challenges for part in wanted), f"{challenges}")
        expect(reader.visits == 2, "The person is not asked for the scope that is missing")
        stored = await tools.call("store_memory", text=memory)
        expect(reader.visits == 3 and not stored["isDuplicate"], "What was refused was stored, or is not allowed now")
        await tools.call("delete_memories", memoryIds=[stored["memoryId"]])


def cause(error):
    """The first real error in a group of them."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def main(mode, target):
    for revision in MODES:
        await {"stdio": stdio, "token": token, "http": http}[mode](target, *revision)


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("stdio", "token", "http"):
        sys.exit(__doc__)
    # What goes wrong is told once, below.
    logging.getLogger("mcp").setLevel(logging.CRITICAL)
    try:
        asyncio.run(main(*sys.argv[1:]))
    except Deviation as deviation:
        sys.exit(str(deviation))
    except BaseExceptionGroup as group:
        if not isinstance(cause(group), Deviation):
            raise
        sys.exit(str(cause(group)))
