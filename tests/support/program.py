"""Starts the server for tests that drive it from outside."""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

# Seconds that starting the server may take, and one of its commands.
LIMIT = 60

READY = re.compile(r"commonplace is ready at (\S+)")
LINK = re.compile(r"\s+(http\S+/welcome\?\S+)\s*")
TOKEN = re.compile(r"\s+(cmpl_\w+)\s*")
# The last line of what it says at its start.
LAST = "Documentation: "


@dataclass
class Said:
    """What the server says at its start; the link and the token only at its first."""

    address: str
    link: str | None
    token: str | None


def clean_environment(home):
    """The environment without settings of commonplace and without proxies."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COMMONPLACE_", "MEMORY_PLUGIN_")) and not name.lower().endswith("_proxy")
    }
    return ours | {"HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}


def commonplace(program, environment, *words, given=None):
    """Runs one of the program's commands beside the server; what it prints."""
    done = subprocess.run(
        [program, *words], env=environment, input=given, text=True, capture_output=True, timeout=LIMIT
    )
    if done.returncode:
        sys.exit(f"commonplace {' '.join(words)} exits with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


@contextlib.contextmanager
def serving(program, environment):
    """Starts the server on a free port, with data where the environment says."""
    Path(environment["HOME"]).mkdir(exist_ok=True)
    with tempfile.TemporaryFile("w+") as log:
        words = [program, "serve", "--listen", "127.0.0.1:0"]
        running = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
        too_long = threading.Timer(LIMIT, running.kill)
        too_long.start()
        try:
            found = {}
            for line in running.stdout:
                for pattern in (READY, LINK, TOKEN):
                    if match := pattern.fullmatch(line.rstrip("\n")):
                        found[pattern] = match[1]
                if line.startswith(LAST):
                    break
            else:
                log.seek(0)
                sys.exit(f"The server did not start:\n{log.read()}")
            too_long.cancel()
            threading.Thread(target=running.stdout.read, daemon=True).start()
            yield Said(found[READY], found.get(LINK), found.get(TOKEN))
            if running.poll() is not None:
                log.seek(0)
                sys.exit(f"The server ended with {running.returncode}:\n{log.read()[-4000:]}")
        finally:
            too_long.cancel()
            running.terminate()
            try:
                running.wait(LIMIT)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()
