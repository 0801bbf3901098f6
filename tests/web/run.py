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
import sys
import tempfile
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import pages  # noqa: E402
from chrome import programs  # noqa: E402
from person import Wrong  # noqa: E402
from place import place  # noqa: E402
from stories import STORIES  # noqa: E402

CHECKS = [
    pages.every_page,
    pages.every_empty_page,
    pages.text_is_never_markup,
    pages.the_keyboard_reaches_everything,
    pages.the_first_load_is_small,
]


def told(run):
    """Runs one; what went wrong, or nothing."""
    try:
        run()
    except Wrong as wrong:
        return str(wrong)
    except Exception:  # noqa: BLE001
        return traceback.format_exc()
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    program = str(Path(options.program).resolve())
    all_of_them = {one.__name__: one for one in [*STORIES, *CHECKS]}
    if unknown := set(options.names) - set(all_of_them):
        parser.error(f"there are no {', '.join(sorted(unknown))}; there are {', '.join(all_of_them)}")
    programs()
    if not pages.AXE.exists():
        sys.exit("axe-core is missing. Run this and start again:\n\n    cd tests/clients && npm ci")
    folder = os.environ.get("COMMONPLACE_TEST_PICTURES") or tempfile.mkdtemp(prefix="commonplace-pictures-")
    failed = False
    for name in options.names or all_of_them:
        began = time.monotonic()

        def run(one=all_of_them[name]):
            with place(program) as server:
                one(server, folder) if one in CHECKS else one(server)

        wrong = told(run)
        failed |= wrong is not None
        print(f"{'FAILED' if wrong else 'ok':7}{time.monotonic() - began:6.1f} s  {name}", flush=True)
        if wrong:
            print("    " + wrong.rstrip().replace("\n", "\n    "), flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
