"""Run a program that ends when its starter does: ``python -m bot.demo.leash PROGRAM ARGUMENT …``.

On Linux the kernel sees to it and the program takes this process' place. Elsewhere this process stays, and ends the
program when standard input ends.
"""

import ctypes
import os
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent() -> bool:
    """Ask the kernel for SIGTERM when the starter's thread ends. False where there is no such kernel."""
    if sys.platform != "linux":
        return False
    done: int = ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    return done == 0


def main(command: list[str]) -> int:
    """Become the program, or stand beside it."""
    if die_with_parent():
        os.execvp(command[0], command)  # noqa: S606  # the world's own command line, no shell
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as program:
        signal.signal(signal.SIGTERM, lambda *_: program.terminate())
        while program.poll() is None and os.read(sys.stdin.fileno(), 4096):
            pass
        program.terminate()
    return program.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
