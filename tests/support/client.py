"""A client that knows nothing but Python's standard library.

It stores, finds and deletes memories at MEMORY_PLUGIN_BASE_URL, in the way of
connectors that are written for the API, and says what it saw.
"""

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request

BASE = os.environ["MEMORY_PLUGIN_BASE_URL"].rstrip("/")
TOKEN = os.environ["MEMORY_PLUGIN_TOKEN"]


def call(method, path, query=None, body=None, token=TOKEN):
    """The answer's body; for a refusal its status and its sentence."""
    url = f"{BASE}{path}"
    if query:
        # Truth values are sent in lower case, everything else as text.
        text = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in query.items()}
        url += "?" + urllib.parse.urlencode(text)
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    if data is not None:
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        refusal = json.load(error)
        return error.code, refusal.get("error") or error.reason


def texts(answer):
    """The texts of memories that came as objects."""
    memories = answer["memories"] if isinstance(answer, dict) else answer
    return [memory.get("text") or memory["metadata"]["text"] for memory in memories if isinstance(memory, dict)]


def main():
    probe = call("GET", "/api/v2/memory", {"latest": True, "count": 1, "v": 2})
    print("probe:", sorted(probe), len(probe["memories"]))
    print("refused:", call("GET", "/api/v2/memory", {"latest": True, "count": 1, "v": 2}, token="wrong")[0])

    first = call("POST", "/api/memory", {"client": "python", "v": 2}, {"text": "2026-07-26 - Works in Oslo", "source": "python"})
    again = call("POST", "/api/memory", {"client": "python", "v": 2}, {"text": "2026-07-27 - Works in Oslo", "source": "python"})
    print("stored:", first["done"], first["memoryId"] == first["dbId"], first["isDuplicate"])
    print("again:", again["done"], again["memoryId"] == first["memoryId"], again["isDuplicate"])
    second = call("POST", "/api/memory", body={"text": "2026-07-26 - Spiser gjerne blåbær 🫐"})

    print("found:", texts(call("GET", "/api/v2/memory", {"query": "blåbær", "count": 20, "v": 2})))
    print("all:", texts(call("GET", "/api/memory", {"all": True})))
    print("general:", call("GET", "/api/buckets", {"v": 2})[0]["memoryCount"])

    gone = call("POST", "/api/memories/bulk-delete", body={"memoryIds": [second["memoryId"], second["memoryId"], "x"]})
    print("deleted:", gone)
    print("again:", call("DELETE", f"/api/memories/{urllib.parse.quote(second['memoryId'])}"))
    print("left:", texts(call("GET", "/api/v2/memory", {"latest": True, "v": 2})))


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    main()
