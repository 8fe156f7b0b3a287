"""The command line. ``fettle --help`` must stay quick: each command imports what it needs when it runs."""

import argparse
import contextlib
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from bot import __version__
from bot.errors import ConfigError, FettleError

if TYPE_CHECKING:
    from bot.settings import Settings

T = TypeVar("T")

BROKEN, WRONG, INTERRUPTED, TERMINATED = 1, 2, 130, 143
FAULTS = ("pool-leak", "disk-full", "slow-dependency", "bad-flag", "certificate-expiring", "stubborn-leak")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and give its exit status.

    0 done, 1 something is broken, 2 a setting or file is wrong, 130 interrupted, 143 terminated.
    """
    parser = _parser()
    given = parser.parse_args(argv)
    if given.command is None:
        parser.print_help()
        return 0
    command: Callable[[argparse.Namespace], int] = given.run
    try:
        return command(given)
    except KeyboardInterrupt:
        return INTERRUPTED
    except _Terminated:
        return TERMINATED
    except BrokenPipeError:
        sys.stderr.close()
        return BROKEN
    except FettleError as error:
        if _debugging():
            raise
        print(f"fettle: {error}", file=sys.stderr)
        return WRONG


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fettle",
        description="Fettle, the incident colleague in Slack. Settings come from the environment, see README.md.",
    )
    parser.add_argument("--version", action="version", version=f"fettle {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    def add(
        name: str, run: Callable[[argparse.Namespace], int], text: str, aliases: Sequence[str] = ()
    ) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=text, description=text, aliases=list(aliases))
        one.set_defaults(run=run)
        return one

    demo = add("demo", _demo, "try Fettle in the browser: no Slack, no key, no cluster")
    demo.add_argument("--hands-free", action="store_true", help="play the whole story without a person")
    demo.add_argument("--fault", choices=FAULTS, default="", help="which fault to play (default: the first)")
    demo.add_argument("--port", type=_port, default=0, help="port of the page (default: any free one)")
    demo.add_argument(
        "--no-prometheus", action="store_true", help="use the embedded recorder even where Prometheus is installed"
    )
    demo.add_argument("--keep", action="store_true", help="keep the demo's data when it ends")
    add("run", _serve({"web", "worker"}), "run everything in one process")
    add("web", _serve({"web"}), "take in deliveries over HTTP only; a worker does the work")
    add("worker", _serve({"worker"}), "do the work only: Slack, causes, guides, runs")
    add("release", _release, "bring the database to what this version needs", ["migrate"])
    add("index", _index, "bring the knowledge index up to date with its folders")
    add("doctor", _doctor, "check every setting and connection, and say how to mend what is wrong")
    init = add("init", _init, "write a commented configuration to begin with")
    init.add_argument("folder", type=Path, nargs="?", default=Path("fettle"), help="where to (default: fettle)")
    validate = add("validate", _validate, "check the configuration, naming file and line of everything that is wrong")
    validate.add_argument("folder", type=Path, nargs="?", help="which folder (default: FETTLE_CONFIG, else fettle)")
    audit = add("audit", _audit, "the audit log")
    audit.add_argument("what", choices=["verify"], help="verify: prove that no line was changed, removed or inserted")
    dead = add("dead", _dead, "what was given up after every retry: list it, or try one again")
    dead.add_argument("what", choices=["list", "replay"], nargs="?", default="list", help="list (default) or replay")
    dead.add_argument("name", nargs="?", default="", help="replay: which one, by the name in the list")
    add("version", _version, "the version")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:  # noqa: PLR2004  # the largest port there is
        raise argparse.ArgumentTypeError(f"found “{text}”, expected a port from 0 to 65535")
    return int(text)


def _debugging() -> bool:
    try:
        return _settings().log_level == "DEBUG"
    except ConfigError:
        return False


def _settings() -> "Settings":
    from bot.settings import Settings

    return Settings.from_environment()


def _logged() -> "Settings":
    from bot import logs

    settings = _settings()
    logs.configure(settings.log_level, settings.log_format, settings.secrets())
    return settings


class _Terminated(BaseException):
    """The process was asked to end, and its work was cancelled in order."""


def _run(work: Awaitable[T]) -> T:
    """Run to the end. When the process is asked to terminate, the work is cancelled and ``_Terminated`` raised."""
    import asyncio
    import signal

    asked = False

    async def supervised() -> T:
        task = asyncio.ensure_future(work)

        def terminate() -> None:
            # Asked again while it ends in order (a group's signal arrives twice), it goes on ending in order.
            nonlocal asked
            if not asked:
                asked = True
                task.cancel()

        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
        try:
            return await task
        except asyncio.CancelledError:
            if asked:
                raise _Terminated from None
            raise

    return asyncio.run(supervised())


def _demo(given: argparse.Namespace) -> int:
    from bot.demo import play

    options = play.DemoOptions(given.hands_free, given.fault, given.port, not given.no_prometheus, given.keep)
    return _run(play.demo(_settings(), options))


def _serve(parts: set[str]) -> Callable[[argparse.Namespace], int]:
    def serve(_given: argparse.Namespace) -> int:
        from bot import app

        with contextlib.suppress(_Terminated):  # ending when asked to is what a service is for
            _run(app.run(_logged(), parts))
        return 0

    return serve


def _release(_given: argparse.Namespace) -> int:
    from bot import app

    _run(app.release(_logged()))
    print("The database is up to date.")
    return 0


def _index(_given: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    from bot import app

    settings = _logged()
    columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task("index", total=None)
        report = _run(
            app.index(settings, lambda progress: bar.update(line, completed=progress.done, total=progress.total))
        )
    for error in report.errors:
        print(f"✕ {error}", file=sys.stderr)
    print(
        f"{report.added} added, {report.changed} changed, {report.removed} removed, {report.unchanged} unchanged "
        f"in {report.seconds:.1f} s"
    )
    return BROKEN if report.errors else 0


def _doctor(_given: argparse.Namespace) -> int:
    from bot import doctor
    from storage import migrate

    try:
        settings = _settings()
    except ConfigError as wrong:
        for text in str(wrong).splitlines():
            print(f"✕ {text}")
        return BROKEN
    findings = _run(doctor.check(settings, migrate.check))
    for finding in findings:
        print(finding)
    bad = sum(finding.state is doctor.State.BROKEN for finding in findings)
    print("Nothing is broken." if not bad else f"{bad} broken: mend from the top, then run `fettle doctor` again.")
    return BROKEN if bad else 0


def _init(given: argparse.Namespace) -> int:
    from importlib.resources import as_file, files

    folder: Path = given.folder
    with as_file(files("bot") / "starter") as starter:
        wanted = [
            path.relative_to(starter) for path in sorted(starter.rglob("*")) if path.suffix in (".yaml", ".yml", ".md")
        ]
        there = [str(folder / path) for path in wanted if (folder / path).exists()]
        if there:
            raise ConfigError(
                f"{there[0]} is there already, so nothing was written. Name a folder that is empty or new."
            )
        try:
            for path in wanted:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes((starter / path).read_bytes())
        except OSError as failure:
            raise ConfigError(f"Cannot write into {folder}: {failure.strerror}. Name another folder.") from failure
    print(f"{folder}: {len(wanted)} files. Next:")
    print(f"  1. put your channels, people and services into {folder}/fettle.yaml and {folder}/catalogue.yaml")
    print(f"  2. fettle validate {folder}")
    print(f"  3. FETTLE_CONFIG={folder} fettle doctor")
    return 0


def _validate(given: argparse.Namespace) -> int:
    from bot.config import examine

    folder: Path | None = given.folder or _settings().config
    if folder is None:
        raise ConfigError(
            "There is no configuration: name a folder, set FETTLE_CONFIG, or let `fettle init` write one."
        )
    config, problems = examine(folder)
    for warning in sorted(problems.warnings):
        print(f"warning: {folder / str(warning)}")
    for error in sorted(problems.errors):
        print(f"error: {folder / str(error)}")
    if problems.errors:
        print(f"{len(problems.errors)} to correct in {folder}", file=sys.stderr)
        return BROKEN
    print(f"{folder} is right: {config.summary}")
    print(f"Alerts go to {config.house.alerts_channel}, approvals to {config.house.approvals_channel}.")
    return 0


def _audit(_given: argparse.Namespace) -> int:
    from bot import app

    report = _run(app.audit_verify(_logged()))
    if report.ok:
        print(f"The audit log holds: {report.lines} lines, each as it was written.")
        return 0
    print(f"The audit log does not hold: {report.why}", file=sys.stderr)
    return BROKEN


def _dead(given: argparse.Namespace) -> int:
    from bot import app

    if given.what == "replay":
        if not given.name:
            raise ConfigError("Which one? `fettle dead` lists them by name: `fettle dead replay NAME`.")
        _run(app.replay(_logged(), given.name))
        print(f"{given.name} is tried again by the next worker that is free.")
        return 0
    lines = _run(app.dead(_logged()))
    print("\n".join(lines) if lines else "Nothing was given up.")
    return 0


def _version(_given: argparse.Namespace) -> int:
    print(f"fettle {__version__}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
