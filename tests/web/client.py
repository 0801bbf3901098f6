"""Clients that ask a person for their memory, and the place where the answers arrive."""

import asyncio
import base64
import contextlib
import hashlib
import http.server
import json
import queue
import secrets
import threading
import urllib.error
import urllib.parse
import urllib.request

from person import PATIENCE, expect
from place import OPENER  # puts tests/support into the path
from kept import Storage


@contextlib.contextmanager
def callback():
    """Listens as a client does: the address, and a queue of the parameters that arrive."""
    arrived = queue.Queue()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            url = urllib.parse.urlsplit(self.path)
            page = b"<!doctype html><title>Back</title><link rel=icon href=data:,><p>Go back to the client."
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(page)
            if url.path == "/callback":
                arrived.put(dict(urllib.parse.parse_qsl(url.query)))

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/callback", arrived
    finally:
        server.shutdown()
        server.server_close()


class Client:
    """A client that knows nothing but OAuth."""

    def __init__(self, address, name, redirect):
        self.address = address
        self.redirect = redirect
        asked = {"client_name": name, "redirect_uris": [redirect], "token_endpoint_auth_method": "none"}
        self.id = self._post("/oauth/register", json.dumps(asked).encode(), "application/json")["client_id"]
        self.verifier = secrets.token_urlsafe(48)

    def _post(self, path, body, kind):
        request = urllib.request.Request(self.address + path, body, {"Content-Type": kind})
        with OPENER.open(request, timeout=PATIENCE) as answer:
            return json.load(answer)

    def path(self):
        """The page where it asks."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        parameters = {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": self.redirect,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "scope": "read write",
            "state": "a state",
            "resource": f"{self.address}/api/mcp/mcp",
        }
        return f"/oauth/authorize?{urllib.parse.urlencode(parameters)}"

    def redeems(self, code):
        """Gets a token for what was allowed."""
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": self.id,
            "redirect_uri": self.redirect,
            "code_verifier": self.verifier,
        }
        body = urllib.parse.urlencode(fields).encode()
        self.token = self._post("/oauth/token", body, "application/x-www-form-urlencoded")["access_token"]

    def is_let_in(self):
        """Whether the endpoint of MCP takes its token."""
        about = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "0"}}
        body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": about}
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        }
        request = urllib.request.Request(f"{self.address}/api/mcp/mcp", json.dumps(body).encode(), headers)
        try:
            OPENER.open(request, timeout=PATIENCE).close()
        except urllib.error.HTTPError as error:
            expect(error.code == 401, f"The endpoint answers {error.code}: {error.read().decode()}")
            return False
        return True


class SdkClient:
    """A client of the Python SDK of MCP, on a thread of its own; `address` is the server's.

    `asks` is a queue of addresses that it wants a person to open.
    """

    def __init__(self, address, redirect, arrived, uses):
        self.url = f"{address}/api/mcp/mcp"
        self.redirect = redirect
        self.arrived = arrived
        self.uses = uses
        self.asks = queue.Queue()
        self.result = queue.Queue()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        try:
            self.result.put((asyncio.run(self._story()), None))
        except BaseException as error:  # noqa: BLE001
            while isinstance(error, BaseExceptionGroup):
                error = error.exceptions[0]
            self.result.put((None, error))

    async def _story(self):
        from mcp import Client as McpClient
        from mcp.client.auth import OAuthClientProvider
        from mcp.client.streamable_http import streamable_http_client
        from mcp.shared._httpx_utils import create_mcp_http_client
        from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata

        async def visit(url):
            self.asks.put(url)

        async def answered():
            answer = await asyncio.to_thread(self.arrived.get, timeout=PATIENCE)
            return AuthorizationCodeResult(code=answer["code"], state=answer["state"], iss=answer["iss"])

        metadata = OAuthClientMetadata(
            client_name="A real client",
            redirect_uris=[self.redirect],
            grant_types=["authorization_code", "refresh_token"],
            response_types=["code"],
            token_endpoint_auth_method="none",
        )
        provider = OAuthClientProvider(self.url, metadata, Storage(), visit, answered)
        async with create_mcp_http_client(auth=provider) as http_client:
            transport = streamable_http_client(self.url, http_client=http_client)
            async with McpClient(transport, read_timeout_seconds=PATIENCE) as client:
                return await self.uses(client)

    def answer(self):
        """What its use of the server gives."""
        result, error = self.result.get(timeout=2 * PATIENCE)
        expect(error is None, f"The client fails: {error!r}")
        return result
