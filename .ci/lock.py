"""Write requirements.lock: every package that Fettle and its checks install, with version and hashes.

The lock serves Python 3.11 to 3.13 on Linux and macOS and holds no index address, so that the same file works against
whichever index or mirror a machine is set up for. Run it with `make lock`; it needs uv, which the lock itself installs.
"""

import re
import subprocess
import sys
from pathlib import Path

from packaging.markers import Marker

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
HEADER = """\
# Written by `make lock` from pyproject.toml; not edited by hand.
# Complete for `pip install --no-deps --require-hashes`; docs/dependencies.md says what was left out of it and why.
"""
PYTHONS = ("3.11", "3.12", "3.13")
PLATFORMS = (("linux", "Linux", "x86_64"), ("linux", "Linux", "aarch64"), ("darwin", "Darwin", "arm64"))
COMPILE = (
    *("uv", "pip", "compile", "pyproject.toml", "--quiet"),
    *("--universal", "--python-version", PYTHONS[0], "--fork-strategy", "fewest"),
    *("--all-extras", "--group", "dev", "--generate-hashes"),
    *("--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"),
)


def environments() -> list[dict[str, str]]:
    """Give the marker environment of each Python and platform that the lock serves."""
    return [
        {
            "python_version": python,
            "python_full_version": f"{python}.0",
            "implementation_name": "cpython",
            "implementation_version": f"{python}.0",
            "platform_python_implementation": "CPython",
            "os_name": "posix",
            "sys_platform": sys_platform,
            "platform_system": system,
            "platform_machine": machine,
            "platform_release": "",
            "platform_version": "",
        }
        for python in PYTHONS
        for sys_platform, system, machine in PLATFORMS
    ]


def simplified(lock: str, served: list[dict[str, str]]) -> str:
    """Drop the markers that hold everywhere and the packages that are wanted nowhere in the served environments."""
    kept = []
    for entry in re.split(r"\n(?=[a-z0-9])", lock.strip()):
        first, _, hashes = entry.partition(" \\\n")
        requirement, _, marker = first.partition(" ; ")
        verdicts = {Marker(marker).evaluate(environment) for environment in served} if marker else {True}
        if verdicts == {True}:
            kept.append(f"{requirement} \\\n{hashes}")
        elif True in verdicts:
            kept.append(entry)
    return "\n".join(kept) + "\n"


def main() -> int:
    """Compile, simplify and write; refuse, with status 1, a lock that names an index or a machine's path."""
    upgrade = ("--upgrade",) if "--upgrade" in sys.argv[1:] else ()
    # uv reads the present lock first, so that versions move only where pyproject.toml or --upgrade asks for it.
    subprocess.run([sys.executable, "-m", *COMPILE, *upgrade, "--output-file", LOCK.name], cwd=ROOT, check=True)
    lock = HEADER + simplified(LOCK.read_text(encoding="utf-8"), environments())
    if address := re.search(r"^.*(://|\bfile:|^-[a-z-]|\s/[a-z]).*$", lock, re.MULTILINE):
        print(f"{LOCK.name} would name a place that only this machine knows: {address.group()}", file=sys.stderr)
        return 1
    LOCK.write_text(lock, encoding="utf-8")
    print(f"{LOCK.name}: {len(re.findall('^[a-z0-9].*==', lock, re.MULTILINE))} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
