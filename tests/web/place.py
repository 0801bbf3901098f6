"""A server of its own for a test, and what is in it before a person comes."""

import contextlib
import json
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

from chrome import chrome  # noqa: E402
from person import PASSWORD, Person, Wrong  # noqa: E402
from program import clean_environment, commonplace, serving  # noqa: E402

# A request goes to this machine, whatever proxies there are.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# Memories in one request of an import.
AT_ONCE = 10_000


class Refused(Wrong):
    """The token is not taken, or not for this."""


class Account:
    """An account through the API, as AI tools use it."""

    def __init__(self, address, token):
        self.address = address
        self.token = token

    def call(self, method, path, body=None, query=None):
        url = f"{self.address}{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        try:
            with OPENER.open(urllib.request.Request(url, data, headers, method=method), timeout=300) as answer:
                said = answer.read()
                return json.loads(said) if said else None
        except urllib.error.HTTPError as error:
            said = f"{method} {url} answers {error.code}: {error.read().decode()}"
            raise (Refused(said) if error.code in (401, 403) else Wrong(said)) from None

    def is_let_in(self, writing=False):
        """Whether the server takes the token, for reading or also for writing."""
        try:
            self.call("POST", "/api/memory", {"text": "May write."}) if writing else self.call("GET", "/api/buckets")
        except Refused:
            return False
        return True

    def remembers(self, *memories):
        """Stores memories, each a text or what an import takes."""
        for start in range(0, len(memories), AT_ONCE):
            self.call("POST", "/api/import", {"memories": memories[start : start + AT_ONCE]})

    def remembers_one(self, text, **more):
        return self.call("POST", "/api/memory", {"text": text} | more)["memoryId"]

    def has_bucket(self, name, description=None):
        self.call("POST", "/api/buckets", {"name": name, "description": description})

    def bucket(self, name):
        """The id of a bucket."""
        return next(one["id"] for one in self.call("GET", "/api/buckets", query={"v": 2}) if one["name"] == name)

    def heard(self, platform, id, title, *messages, at="2025-09-14T09:30:00Z"):
        """Takes a conversation in: what the person and the assistant say in turn."""
        said = [
            {"id": f"{id}-{place}", "role": ("user", "assistant")[place % 2], "content": text, "createdAt": at}
            for place, text in enumerate(messages)
        ]
        conversation = {"id": id, "title": title, "createdAt": at, "updatedAt": at, "messages": said}
        self.call("POST", "/api/chat-history/ingest/custom-online", {"platform": platform, "conversation": conversation})

    def forgets(self, *ids, purge=False):
        query = {"purge": "true"} if purge else None
        return self.call("POST", "/api/memories/bulk-delete", {"memoryIds": list(ids)}, query)

    def counts(self, bucket=None):
        """How many memories there are, in all buckets or in one."""
        buckets = self.call("GET", "/api/buckets", query={"v": 2})
        return sum(one["memoryCount"] for one in buckets if bucket in (None, one["name"]))

    def finds(self, query):
        """The texts of the memories that a search finds."""
        found = self.call("GET", "/api/memory", query={"query": query, "count": 20})
        memories = found["memories"] if isinstance(found, dict) else found
        return [memory if isinstance(memory, str) else memory.get("text", "") for memory in memories]


class Place:
    """A server that runs, with its first start's link and token."""

    def __init__(self, program, environment, said):
        self.program = program
        self.environment = environment
        self.address = said.address
        self.link = said.link
        self.owner = Account(said.address, said.token)

    def commonplace(self, *words, given=None):
        return commonplace(self.program, self.environment, *words, given=given)

    def account(self, name):
        """A further account that signs in with the usual password."""
        self.commonplace("user", "add", name)
        self.commonplace("user", "password", name, given=PASSWORD)
        return Account(self.address, self.commonplace("token", "create", "tests", "--user", name).strip())

    def files_with(self, word):
        """The files of the server that have a word in them."""
        folder = Path(self.environment["COMMONPLACE_DATA_DIR"])
        files = [file for file in folder.rglob("*") if file.is_file()]
        return [file.name for file in files if word.encode() in file.read_bytes()]

    @contextlib.contextmanager
    def visitor(self, name="owner"):
        """Somebody who has opened no page yet."""
        with chrome(self.address) as browser:
            yield Person(browser, name)

    @contextlib.contextmanager
    def owner_at_home(self):
        """The owner, signed in, with a password set."""
        with self.visitor() as person:
            person.sets_password(self.link)
            yield person


@contextlib.contextmanager
def place(program):
    with tempfile.TemporaryDirectory(prefix="commonplace-web-") as home:
        environment = clean_environment(Path(home) / "home") | {"COMMONPLACE_DATA_DIR": str(Path(home) / "data")}
        with serving(program, environment) as said:
            yield Place(program, environment, said)
