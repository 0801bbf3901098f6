#!/usr/bin/env python3
"""Drives the dashboard of commonplace with Chromium.

    run.py PROGRAM [NAME…]    everything, or what is named

Each story and each check has a server of its own, with a new SQLite file. Needs
Chromium and its driver (Debian: chromium, chromium-driver), a Python that has the
packages of tests/requirements.txt, and axe-core in tests/clients, which npm
installs there. Pictures of every page go to the folder COMMONPLACE_TEST_PICTURES,
else to a temporary one. Prints a line for each, and for one that failed what was
wrong. Exits with 1 if one failed.
"""

import argparse
import os
import re
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import pages  # noqa: E402
from chrome import programs  # noqa: E402
from person import Wrong  # noqa: E402
from place import place  # noqa: E402
from stories import STORIES  # noqa: E402

# How many run at once, each with a server and a browser of its own.
AT_ONCE = 2
CHECKS = [
    pages.every_page,
    pages.every_empty_page,
    pages.text_is_never_markup,
    pages.the_keyboard_reaches_everything,
    pages.the_first_load_is_small,
]


def told(one, program, folder):
    """Runs one; its seconds, what it has to say, and what went wrong, or nothing."""
    began = time.monotonic()
    said = wrong = None
    try:
        with place(program) as server:
            said = one(server, folder) if one in CHECKS else one(server)
    except (Wrong, SystemExit) as error:
        wrong = str(error)
    except Exception:  # noqa: BLE001
        # Without the addresses in the driver's own program.
        wrong = re.sub(r"(?m)^#\d+ 0x.*\n?", "", traceback.format_exc())
    return time.monotonic() - began, said, wrong


def indented(text):
    return "    " + text.rstrip().replace("\n", "\n    ")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    program = str(Path(options.program).resolve())
    # The long ones first.
    all_of_them = {one.__name__: one for one in [*CHECKS, *STORIES]}
    if unknown := set(options.names) - set(all_of_them):
        parser.error(f"there are no {', '.join(sorted(unknown))}; there are {', '.join(all_of_them)}")
    programs()
    if not pages.AXE.exists():
        sys.exit("axe-core is missing. Run this and start again:\n\n    cd tests/clients && npm ci")
    folder = os.environ.get("COMMONPLACE_TEST_PICTURES") or tempfile.mkdtemp(prefix="commonplace-pictures-")
    failed = False
    with ThreadPoolExecutor(AT_ONCE) as workers:
        running = {
            workers.submit(told, all_of_them[name], program, folder): name for name in options.names or all_of_them
        }
        for done in as_completed(running):
            seconds, said, wrong = done.result()
            failed |= wrong is not None
            print(f"{'FAILED' if wrong else 'ok':7}{seconds:6.1f} s  {running[done]}", flush=True)
            for text in filter(None, (said, wrong)):
                print(indented(text), flush=True)
    print(f"Pictures of the pages are in {folder}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
