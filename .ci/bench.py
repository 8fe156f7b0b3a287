"""Run every benchmark in tests/benchmarks and print, at the end, the JSON line with which each reports its result.

A benchmark is a module that can be run with `python -m` and whose last line is one JSON object. The exit status is 1
when a benchmark fails or reports nothing.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def result(output: str) -> dict[str, object] | None:
    """Give the JSON object on the last line of a benchmark's output, or None where that line is something else."""
    lines = output.strip().splitlines()
    try:
        found = json.loads(lines[-1]) if lines else None
    except json.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def main() -> int:
    """Run the benchmarks one after the other, so that none measures another's load; give the exit status."""
    modules = [
        path.stem
        for path in sorted((ROOT / "tests" / "benchmarks").glob("*.py"))
        if '__name__ == "__main__"' in path.read_text(encoding="utf-8")
    ]
    results: dict[str, dict[str, object] | None] = {}
    for module in modules:
        print(f"== {module}", flush=True)
        command = [sys.executable, "-m", f"tests.benchmarks.{module}"]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as ran:
            output = ""
            for line in ran.stdout or ():
                print(f"   {line}", end="", flush=True)
                output += line
        results[module] = result(output) if ran.returncode == 0 else None
    for module, found in results.items():
        print(json.dumps({"benchmark": module, **(found or {"failed": True})}))
    if not modules:
        print("there are no benchmarks in tests/benchmarks", file=sys.stderr)
    return 0 if modules and all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
