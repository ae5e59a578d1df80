"""Make a server, write, kill it, start it again, stop it, as whoever runs this: root or an ordinary user.

python as_user.py <folder> [<uid>]: with a uid, root becomes that user first (everything is imported
before, because that user may not be able to read this interpreter). Prints one JSON line.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401  needed after the change of user
import json
import os
import sys
from pathlib import Path

import psycopg

from deployments.sandbox import postgres_place
from deployments.sandbox.postgres import PostgresServer


def main() -> None:
    folder = Path(sys.argv[1])
    if len(sys.argv) > 2:
        os.setgroups([])
        os.setgid(int(sys.argv[2]))
        os.setuid(int(sys.argv[2]))
        os.environ["HOME"] = os.environ["TMPDIR"] = str(folder)
    server = PostgresServer.create(folder / "data", name="mine", settings={"fsync": "off"})
    try:
        server.start()
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute("CREATE TABLE seen AS SELECT 1 AS one")
        server.kill()
        server.start()
        with psycopg.connect(server.dsn()) as connection:
            row = connection.execute("SELECT one FROM seen").fetchone()
        owner = server.place.data_dir.stat().st_uid
        process = Path(f"/proc/{server.pid}").stat().st_uid
        in_place = server.place.bin_dir == postgres_place._installed() / "bin"
        told = {"euid": os.geteuid(), "process": process, "data": owner, "in_place": in_place, "row": row}
        sys.stdout.write(json.dumps(told) + "\n")
    finally:
        server.remove()


if __name__ == "__main__":
    main()
