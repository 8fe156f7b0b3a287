"""A PostgreSQL server of our own on loopback, from Debian's binaries."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=60", "shared_buffers=32MB")
# Reads from this process until it closes the pipe, also by being killed, so that no server is ever left behind.
KEEPER = """
"$1/initdb" -D "$2/data" -U fettle -A trust -N -E UTF8 --locale=C >"$2/log" 2>&1 &&
"$1/pg_ctl" -D "$2/data" -w -l "$2/log" -o "$3" start >>"$2/log" 2>&1 && echo ready || cat "$2/log"
read -r _
"$1/pg_ctl" -D "$2/data" -m immediate -w stop >>"$2/log" 2>&1
"""


def binaries() -> Path | None:
    """The newest installed version's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: int(one.parts[-3]))
    return found[-1].parent if found else None


@contextmanager
def server(programs: Path) -> Iterator[str]:
    """Run a server for a while; gives the address of its databases, without a database's name."""
    home = Path(tempfile.mkdtemp(prefix="fettle-postgres-"))
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:  # PostgreSQL refuses to run as root
        uid, gid = pwd.getpwnam("postgres")[2:4]
        os.chown(home, uid, gid)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = (*QUICK, f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={home}")
    options = " ".join(f"-c {one}" for one in settings)
    with subprocess.Popen(
        ["sh", "-c", KEEPER, "keeper", programs, home, options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=home,
        user=uid,
        group=gid,
        start_new_session=True,
    ) as keeper:
        assert keeper.stdin is not None
        assert keeper.stdout is not None
        try:
            said = keeper.stdout.readline()
            if said != "ready\n":
                raise RuntimeError(f"PostgreSQL did not start: {said}")
            yield f"postgresql://fettle@127.0.0.1:{port}"
        finally:
            keeper.stdin.close()
            keeper.wait()
            shutil.rmtree(home, ignore_errors=True)
