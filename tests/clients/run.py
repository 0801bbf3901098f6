#!/usr/bin/env python3
"""Drives commonplace with the MCP clients people use.

    run.py PROGRAM [NAME…]              all clients, or those named; on a server of its own
    run.py PROGRAM --url URL [NAME…]    on a running server, whose COMMONPLACE_DATA_DIR,
                                        COMMONPLACE_TOKEN and COMMONPLACE_PASSWORD are set

Needs npm, which installs the clients beside this file, and a Python that has the
packages of tests/requirements.txt. Prints a line for each client, and for one
that failed what it said. Exits with 1 if one failed.
"""

import argparse
import contextlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

from program import clean_environment, commonplace, serving  # noqa: E402

MODULES = HERE / "node_modules"
ENDPOINT = "/api/mcp/mcp"
# Seconds that installing the clients may take.
INSTALL_LIMIT = 600


def clients(program, url):
    """Each client: its name, its command, the seconds it may take, and whether it speaks to a
    program that opens the data ("data"), to one that passes on to the server ("proxy"), or to
    the server ("server")."""
    python = [sys.executable, "python_client.py"]
    for name, command in (("sdk1", ["node", "sdk1.mjs"]), ("sdk2", ["node", "sdk2.mjs"]), ("python", python)):
        yield f"{name}-stdio", [*command, "stdio", program], 60, "data"
        yield f"{name}-proxy", [*command, "stdio", program], 60, "proxy"
        yield f"{name}-token", [*command, "token", url], 60, "server"
        yield f"{name}-oauth", [*command, "http", url], 60, "server"
    yield "mcp-remote", ["node", "remote.mjs", url], 120, "server"
    yield "inspector", ["node", "inspector.mjs", url, program], 180, "data"
    yield "authorization", ["node", "authorization.mjs", url], 60, "server"


def install():
    """Installs the clients, unless they are there as the lock file has them."""
    lock, installed = HERE / "package-lock.json", MODULES / ".package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    print("Installing the clients", flush=True)
    try:
        npm = subprocess.run(["npm", "ci"], cwd=HERE, timeout=INSTALL_LIMIT, text=True, capture_output=True)
    except FileNotFoundError:
        sys.exit("npm is missing, which installs the clients.")
    if npm.returncode:
        sys.exit(f"npm ci exits with {npm.returncode}:\n{npm.stdout}{npm.stderr}")


def environment_of(home):
    """The environment, in which the clients' programs are found."""
    return clean_environment(home) | {"PATH": f"{MODULES / '.bin'}{os.pathsep}{os.environ['PATH']}"}


@contextlib.contextmanager
def server(program, data, environment):
    """Starts a server, and answers its address, its owner's token and the owner's password."""
    environment = environment | {"COMMONPLACE_DATA_DIR": str(data)}
    with serving(program, environment) as said:
        password = secrets.token_urlsafe()
        commonplace(program, environment, "user", "password", given=password)
        yield said.address, said.token, password


def drive(command, environment, seconds):
    """Runs a client; answers what went wrong, or nothing."""
    running = subprocess.Popen(
        command,
        cwd=HERE,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        said, _ = running.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        # Its session, with the programs that it started.
        os.killpg(running.pid, signal.SIGKILL)
        said, _ = running.communicate()
        return f"took longer than {seconds} s\n{said}"
    return f"exit code {running.returncode}\n{said}" if running.returncode else None


def run(program, address, token, password, data, names, home):
    failed = False
    base = environment_of(home)
    nowhere = Path(home) / "nowhere"
    nowhere.mkdir()
    kinds = {
        "data": {"COMMONPLACE_DATA_DIR": str(data), "COMMONPLACE_TOKEN": token},
        "proxy": {"COMMONPLACE_DATA_DIR": str(nowhere), "COMMONPLACE_URL": address, "COMMONPLACE_TOKEN": token},
        "server": {"COMMONPLACE_TOKEN": token, "COMMONPLACE_PASSWORD": password},
    }
    for name, command, seconds, kind in clients(program, address + ENDPOINT):
        if names and name not in names:
            continue
        began = time.monotonic()
        wrong = drive(command, base | kinds[kind], seconds)
        if kind == "proxy" and not wrong and any(nowhere.iterdir()):
            wrong = f"it opened data of its own: {sorted(path.name for path in nowhere.iterdir())}"
        failed |= wrong is not None
        print(f"{'FAILED' if wrong else 'ok':7}{time.monotonic() - began:6.1f} s  {name}", flush=True)
        if wrong:
            print("    " + wrong.rstrip().replace("\n", "\n    "), flush=True)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--url")
    options = parser.parse_intermixed_args()
    program = str(Path(options.program).resolve())
    if unknown := set(options.names) - {name for name, *_ in clients(program, "")}:
        parser.error(f"there are no clients {', '.join(sorted(unknown))}")
    install()
    with tempfile.TemporaryDirectory(prefix="commonplace-clients-") as home:
        if options.url:
            names = ("COMMONPLACE_TOKEN", "COMMONPLACE_PASSWORD", "COMMONPLACE_DATA_DIR")
            if missing := [name for name in names if name not in os.environ]:
                parser.error(f"--url needs {', '.join(missing)}")
            token, password, data = (os.environ[name] for name in names)
            failed = run(program, options.url.rstrip("/"), token, password, data, options.names, home)
        else:
            data = Path(home) / "data"
            with server(program, data, environment_of(home)) as (address, token, password):
                failed = run(program, address, token, password, data, options.names, home)
    sys.exit(failed)


if __name__ == "__main__":
    main()
