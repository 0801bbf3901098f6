#!/usr/bin/env python3
"""Measures the pages: what the server takes for them, and what a person waits for.

    run.py PROGRAM [--memories N]

PROGRAM should be built with --release. Starts it twice, with 1,000 memories as the
baseline and with 100,000, and prints a table. Needs what tests/web/run.py needs.
"""

import argparse
import http.client
import random
import statistics
import sys
import time
import urllib.parse
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2] / "tests" / "web"
sys.path.insert(0, str(TESTS))

from pages import MOST_BYTES, MOST_REQUESTS, first_load  # noqa: E402
from person import expect  # noqa: E402
from place import place  # noqa: E402

FEW = 1_000
# What one deletion takes, by hand and in one request of the API.
DELETED = 10_000
REQUESTS = 200
LOADS = 7
BUCKET = "To be deleted"

# Sets `__confirmed` to the milliseconds from the click on a button to the sentence that confirms it.
WATCH = """
window.__confirmed = undefined;
let clicked;
document.addEventListener("click", (event) => {
  if (event.target.closest("dialog button[type=submit]")) clicked = performance.now();
}, true);
new MutationObserver(() => {
  if (clicked !== undefined && document.getElementById("result").textContent.includes(arguments[0])) {
    window.__confirmed ??= performance.now() - clicked;
  }
}).observe(document.getElementById("result"), { childList: true, subtree: true });
"""


def texts(count, seed):
    """Texts of 8 to 20 words from a vocabulary with the usual skew."""
    chance = random.Random(seed)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(3, 9))) for _ in range(20_000)]
    weights = [1 / (rank + 1) for rank in range(len(words))]
    drawn = iter(chance.choices(words, weights, k=14 * count + 20))
    return words, [" ".join(next(drawn) for _ in range(chance.randint(8, 19))) + f" {number}" for number in range(count)]


class Timed:
    """A kept-alive connection with a person's session."""

    def __init__(self, person):
        host = urllib.parse.urlsplit(person.browser.address).netloc
        self.connection = http.client.HTTPConnection(host, timeout=60)
        self.cookies = "; ".join(f"{one['name']}={one['value']}" for one in person.driver.get_cookies())

    def get(self, path, **headers):
        """Milliseconds until the whole answer is there."""
        began = time.perf_counter()
        self.connection.request("GET", path, headers={"Cookie": self.cookies} | headers)
        answer = self.connection.getresponse()
        answer.read()
        taken = (time.perf_counter() - began) * 1_000
        expect(answer.status == 200, f"{path} answers {answer.status}")
        return taken


def percentiles(values):
    values = sorted(values)
    return statistics.median(values), values[min(len(values) - 1, len(values) * 99 // 100)]


def measured(program, memories):
    """All figures on a server with so many memories."""
    figures = {}
    words, all_texts = texts(memories, seed=7)
    with place(program) as server:
        deleted = min(DELETED, memories // 2)
        server.owner.has_bucket(BUCKET)
        server.owner.remembers(*[
            {"text": text, **({"bucket": BUCKET} if number < deleted else {})} for number, text in enumerate(all_texts)
        ])
        while (state := server.owner.call("GET", "/api/search/state"))["embedded"] < state["memories"]:
            time.sleep(0.5)
        with server.owner_at_home() as person:
            timed = Timed(person)
            for _ in range(20):
                timed.get("/memories")
            figures["page"] = percentiles([timed.get("/memories") for _ in range(REQUESTS)])
            chance = random.Random(11)
            queries = [" ".join(chance.sample(words[:3_000], 2)) for _ in range(REQUESTS)]
            asks = [f"/memories?{urllib.parse.urlencode({'q': query})}" for query in queries]
            figures["search"] = percentiles([timed.get(ask, **{"x-fragment": "1"}) for ask in asks])
            loads = [first_load(person, "/memories") for _ in range(LOADS)]
            figures["requests"] = max(count for count, _, _ in loads)
            figures["bytes"] = max(size for _, size, _ in loads)
            figures["interactive"] = statistics.median(interactive for _, _, interactive in loads)
            figures["by hand"] = by_hand(person, deleted)
            ids = [one["id"] for one in server.owner.call("GET", "/api/export")["memories"][:deleted]]
            began = time.perf_counter()
            server.owner.forgets(*ids)
            figures["by the API"] = (time.perf_counter() - began) * 1_000
    return figures


def by_hand(person, deleted):
    """Milliseconds from the click that deletes to the sentence that says so."""
    person.goes_to("Memories")
    person.presses("Filters and order")
    person.chooses("Bucket", BUCKET)
    person.checks(f"Select all {deleted:,} that match")
    person.browser.js(WATCH, f"{deleted:,} memories are in the trash")
    person.presses("Delete…")
    person.within("dialog").presses(f"Delete {deleted:,} memories")
    return person.waits(lambda: person.browser.js("return window.__confirmed"), "A confirmed deletion")


def line(measure, value, baseline, unit, most, samples, target=None):
    """A line of the table; `target` is the most that the ratio may be, or with `most` the value itself."""
    ratio = value / baseline if baseline else None
    shown = "{:,.0f}" if unit in ("B", "") else "{:.1f}"
    cells = [measure, f"{shown.format(value)} {unit}".strip()]
    cells.append(f"{shown.format(baseline)} {unit}".strip() if baseline else "–")
    cells.append(f"{ratio:.2f}×" if ratio else "–")
    if most is not None:
        cells += [f"≤ {most:,} {unit}".strip(), "yes" if value <= most else "no"]
    elif target is not None:
        cells += [f"≤ {target}×", "yes" if ratio <= target else "no"]
    else:
        cells += ["–", "–"]
    print("| " + " | ".join([*cells, str(samples)]) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--memories", type=int, default=100_000)
    options = parser.parse_args()
    program = str(Path(options.program).resolve())
    few, many = measured(program, FEW), measured(program, options.memories)
    size = f"{options.memories:,} memories"
    print("| Measure | Value | Baseline | Ratio | Target | Met | Samples |\n|---|---:|---:|---:|---:|---|---|")
    for at, name in ((0, "p50"), (1, "p99")):
        line(f"page of memories, {name}, {size} against {FEW:,}", many["page"][at], few["page"][at], "ms", None, REQUESTS)
        line(f"search as one types, {name}, {size} against {FEW:,}", many["search"][at], few["search"][at], "ms", None, REQUESTS)
    line(f"first load: requests, {size} against {FEW:,}", many["requests"], few["requests"], "", MOST_REQUESTS, LOADS)
    line(f"first load: bytes, {size} against {FEW:,}", many["bytes"], few["bytes"], "B", MOST_BYTES, LOADS)
    line(f"time to interactive, {size} against {FEW:,}", many["interactive"], few["interactive"], "ms", None, LOADS)
    deleted = min(DELETED, options.memories // 2)
    line(
        f"deletion of {deleted:,} of {options.memories:,} by hand, click to confirmed, against one request of the API",
        many["by hand"], many["by the API"], "ms", None, 1,
    )


if __name__ == "__main__":
    main()
