"""Runs the official conformance suite of the Model Context Protocol.

    python tests/support/conformance.py fixtures PROGRAM
    python tests/support/conformance.py stateless PROGRAM
    python tests/support/conformance.py real PROGRAM

The first two start the example mcp-conformance, which is this server's endpoint
with all that the suite asks for behind it; the second has it answer as the server
does, without sessions. The third starts the server itself on data of its own.
Each is tested in three runs: by the suite's stable release, and by the next one
with what each of two revisions of the protocol requires.

A check that warns counts as one that fails. expected-failures.yaml says which
do; a run fails if others fail, and if one of those passes.
"""

import argparse
import collections
import contextlib
import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.parse

import schema

TESTS = pathlib.Path(__file__).resolve().parent.parent
EXPECTED = TESTS / "conformance" / "expected-failures.yaml"
MODULES = TESTS / "clients" / "node_modules"
STABLE = MODULES / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
NEXT = MODULES / "conformance-next" / "dist" / "index.js"

RESULT = re.compile(r"server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z")
SECTION = re.compile(r"(\w+):")
ENTRY = re.compile(r"  - ([\w/-]+)  # \S.*")
# The check that all messages had the form which the protocol gives them.
WIRE = "wire-schema-valid"

# Of one connection, so not passed on.
HOP_BY_HOP = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}


def expected_failures(file, mode):
    """What is to fail, of the list of one mode.

    An entry is a scenario, or a check of one. Reads the part of YAML that the
    file needs: names of lists, and entries that each have a reason beside them.
    """
    lists, section = collections.defaultdict(set), None
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        if heading := SECTION.fullmatch(line):
            section = heading[1]
        elif section and (entry := ENTRY.fullmatch(line)):
            if entry[1] in lists[section]:
                sys.exit(f"{file}:{number}: {entry[1]} is there twice")
            lists[section].add(entry[1])
        else:
            sys.exit(f"{file}:{number}: neither the name of a list nor '  - entry  # reason'")
    return lists[mode]


@contextlib.contextmanager
def started(program, *options):
    """Starts the server with the fixtures; the URL of its endpoint."""
    server = subprocess.Popen([program, "--port", "0", *options], stdout=subprocess.PIPE, text=True)
    try:
        said = server.stdout.readline()
        if not said.startswith("ready at "):
            sys.exit(f"{program} did not start; it said {said!r}")
        yield said.split()[-1]
        if server.poll() is not None:
            sys.exit(f"{program} ended with {server.returncode}")
    finally:
        server.terminate()
        server.wait()


@contextlib.contextmanager
def the_server(program):
    """The URL of a proxy to the server, started on data of its own."""
    with tempfile.TemporaryDirectory(prefix="commonplace-conformance-") as folder:
        server, url, token = schema.started(program, {"COMMONPLACE_DATA_DIR": folder}, folder)
        try:
            with with_token(f"{url}/api/mcp/mcp", token) as proxied:
                yield proxied
        finally:
            server.terminate()
            server.wait()


@contextlib.contextmanager
def with_token(url, token):
    """The URL of a proxy that adds the token, which the suite cannot send.

    All else goes through as it is, but that where the suite names the proxy's
    port in Host or Origin, the server sees its own.
    """
    target = urllib.parse.urlsplit(url)

    class Proxy(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self):
            here, there = f":{self.server.server_port}", f":{target.port}"
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            upstream = http.client.HTTPConnection(target.hostname, target.port)
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() in ("host", "origin"):
                    value = value.replace(here, there)
                if name.lower() not in HOP_BY_HOP | {"authorization"}:
                    upstream.putheader(name, value)
            upstream.putheader("Authorization", f"Bearer {token}")
            upstream.endheaders(body)
            answer = upstream.getresponse()
            self.send_response_only(answer.status, answer.reason)
            for name, value in answer.getheaders():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            # The answer may be a stream: it ends when the connection does.
            self.send_header("Connection", "close")
            self.end_headers()
            try:
                while part := answer.read1(65536):
                    self.wfile.write(part)
            except (BrokenPipeError, ConnectionResetError):
                pass  # The suite has seen enough of a stream.
            finally:
                upstream.close()

        do_GET = do_POST = do_DELETE = forward

        def log_message(self, *arguments):
            pass

    proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    proxy.daemon_threads = True
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        yield target._replace(netloc=f"127.0.0.1:{proxy.server_port}").geturl()
    finally:
        proxy.shutdown()
        proxy.server_close()


def checked(node, suite, url, options):
    """What the suite found: the checks of each scenario."""
    with tempfile.TemporaryDirectory(prefix="commonplace-conformance-") as folder:
        environment = dict(os.environ, PATH=f"{pathlib.Path(node).resolve().parent}{os.pathsep}{os.environ['PATH']}")
        command = [node, suite, "server", "--url", url, "--output-dir", folder, *options]
        run = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, check=False
        )
        found = {}
        for file in sorted(pathlib.Path(folder).glob("*/checks.json")):
            found[RESULT.fullmatch(file.parent.name)[1]] = json.loads(file.read_text())
        asked = set(re.findall(r"^=== Running scenario: (\S+) ===$", run.stdout, re.MULTILINE))
        if run.returncode not in (0, 1) or not asked or asked != set(found):
            sys.exit(f"the suite broke off with {run.returncode}:\n{run.stdout[-4000:]}")
        return found


def judged(name, found, expected):
    """Prints what is to be known of a run; the expected failures that it had, and how much was not as expected."""
    count = collections.Counter(check["status"] for checks in found.values() for check in checks)
    of_entry, surprises, failing = collections.defaultdict(list), [], set()
    for scenario, checks in found.items():
        for check in checks:
            bad = check["status"] in ("FAILURE", "WARNING")
            entries = expected & {f"{scenario}/{check['id']}", scenario if check["id"] != WIRE else ""}
            for entry in entries:
                of_entry[entry].append(bad)
            if bad:
                failing.add(scenario)
            if bad and not entries:
                surprises.append((scenario, check))
    untested = [s for s, checks in found.items() if s not in failing and all(c["status"] != "SUCCESS" for c in checks)]
    unexpected = {scenario for scenario, _ in surprises}
    print(
        f"{name}: {len(found)} scenarios, {len(found) - len(failing) - len(untested)} pass, "
        f"{len(failing - unexpected)} fail as expected, {len(unexpected)} fail, {len(untested)} test nothing; "
        f"{count['SUCCESS']} checks pass, {count['FAILURE']} fail, {count['WARNING']} warn"
    )
    for scenario, check in surprises:
        message = check.get("errorMessage", check["description"])
        print(f"  {scenario}/{check['id']}: {check['status'].lower()}: {message}")
    stale = sorted(entry for entry, bad in of_entry.items() if not any(bad))
    for entry in stale:
        print(f"  {entry}: passes, but is expected to fail")
    return set(of_entry), len(surprises) + len(stale)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    node = MODULES / ".bin" / "node"
    parser.add_argument("--node", default=node if node.exists() else shutil.which("node"), help="Node.js 22 or later")
    parser.add_argument("--stable", default=STABLE, help="index.js of the suite's stable release")
    parser.add_argument("--next", default=NEXT, help="index.js of the suite's next release")
    parser.add_argument("--expected", default=EXPECTED, type=pathlib.Path, help="the list of expected failures")
    modes = parser.add_subparsers(dest="mode", required=True)
    modes.add_parser("fixtures").add_argument("program")
    modes.add_parser("stateless").add_argument("program")
    modes.add_parser("real").add_argument("program")
    given = parser.parse_args()

    if given.mode == "fixtures":
        server = started(given.program)
    elif given.mode == "stateless":
        server = started(given.program, "--stateless")
    else:
        server = the_server(given.program)
    expected = expected_failures(given.expected, given.mode)
    runs = {"stable, all": (given.stable, ["--suite", "all"])}
    for revision in ("2025-11-25", "2026-07-28"):
        runs[f"next, required by {revision}"] = (given.next, ["--requirements", revision])

    seen, wrong = set(), 0
    with server as url:
        for name, (suite, options) in runs.items():
            found = checked(given.node, suite, url, options)
            had, more = judged(name, found, expected)
            seen |= had
            wrong += more
    for entry in sorted(expected - seen):
        print(f"{entry}: is expected to fail, but is in no run")
        wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
