"""What takes something away for good, and what nobody may run: rules by program, argument and place. Pure."""

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence

from bot.domain.programs import SECRETS
from bot.domain.readers import program
from bot.domain.sql import judge
from bot.domain.verdict import Classified, changing, destructive, forbidden

SYSTEM = frozenset(
    "/ /bin /boot /dev /etc /home /lib /lib64 /opt /proc /root /sbin /srv /sys /usr /var /var/lib ~".split()
)
SHELLS = frozenset("sh bash dash zsh ksh mksh ash fish csh tcsh busybox pwsh".split())
INTERPRETERS = frozenset("python python2 python3 perl ruby node nodejs php lua tclsh deno bun osascript".split())
FETCHERS = frozenset("curl wget fetch aria2c nc ncat netcat socat ftp tftp scp http https lynx".split())
DECODERS = frozenset("base64 base32 xxd openssl uudecode gpg gunzip zcat rev tr".split())
# Programs that run what their arguments say; what they run is judged as if it stood alone.
WRAPPERS = frozenset(
    """
    sudo doas su runuser env nice ionice nohup time timeout stdbuf setsid exec command builtin watch xargs parallel
    strace ltrace flock chroot nsenter unshare systemd-run script ssh docker podman kubectl oc crictl eval source . trap
    at batch do then else elif if while until ! { } coproc function busybox find fd caffeinate unbuffer chrt taskset
    cgexec
    """.split()
)
WIPERS = frozenset("wipefs blkdiscard mke2fs mkswap mkntfs badblocks hdparm shred scrub srm nwipe".split())
POWER = frozenset("shutdown reboot halt poweroff telinit kexec".split())
GONE = frozenset(
    """
    delete destroy drop purge wipe erase uninstall truncate format rm remove prune del rmi unlink terminate flushall
    flushdb deregister decommission nuke rb
    """.split()
)
PACKAGES = frozenset(
    "apt apt-get aptitude yum dnf zypper pacman apk brew snap pip pip3 npm rpm dpkg gem cargo flatpak".split()
)
HARMLESS_DEVICES = re.compile(r"/dev/(null|stdout|stderr|stdin|tty|fd/\d+|full|zero|u?random|shm/.*)$")
PRECIOUS = re.compile(r"/etc/(passwd|shadow|group|sudoers|fstab|hosts|ssh/.*|pam\.d/.*)$|/boot/.*|/proc/sysrq-trigger$")


def judge_command(argv: Sequence[str]) -> Classified:
    """At least changing: how bad a command is that does not only look."""
    name = program(argv[0]).rpartition("/")[2]
    arguments = [word for word in argv[1:] if word]
    rule = RULES.get(name)
    if rule:
        return rule(name, arguments)
    if name.startswith("mkfs") or name in WIPERS:
        return forbidden(f"{name} destroys what a disk holds")
    if name in POWER or (name == "init" and arguments[:1] in (["0"], ["6"])):
        return destructive(f"{name} takes the machine down")
    gone = next((word for word in _words(arguments) if _takes_away(word)), "")
    if gone:
        return destructive(f"{name} {gone} takes something away")
    return changing(f"{name[:60]} is not known to only look")


def judge_target(sign: str, target: str) -> Classified:
    """How bad it is to write there."""
    if target.startswith(("/dev/tcp/", "/dev/udp/")):
        return forbidden("it opens a network connection")
    if not sign.lstrip("0123456789").startswith((">", "&>")) and sign != "<>":
        secret = SECRETS.search(target) is not None
        return forbidden("it would show a secret in the thread") if secret else changing("it reads a file")
    if target == "/proc/sysrq-trigger":
        return forbidden("it acts on the kernel directly")
    if target.startswith("/dev/") and not HARMLESS_DEVICES.match(target):
        return forbidden(f"it writes over the device {target}")
    if PRECIOUS.match(target):
        return destructive(f"it writes over {target}")
    return changing(f"it writes to {target[:60]}")


def is_shell(argv: Sequence[str]) -> bool:
    """Whether it runs what comes in through its standard input."""
    words = [program(word).rpartition("/")[2] for word in argv]
    while words and (words[0] in WRAPPERS or words[0].startswith("-")) and words[0] not in SHELLS:
        words = words[1:]
    if not words:
        return program(argv[0]) in ("source", ".", "eval")
    plain = [word for word in words[1:] if not word.startswith("-") or word == "-"]
    known = words[0] in SHELLS or re.fullmatch(r"(python|perl|ruby|node|php)[\d.]*", words[0]) is not None
    return known and not {"-c", "-m", "-e", "-n", "-p", "-ne", "-pe", "-r"} & set(words) and plain in ([], ["-"])


def brings_in(argv: Sequence[str]) -> bool:
    """Whether it fetches or decodes something."""
    return any(program(word) in FETCHERS | DECODERS for word in argv[:1])


def runs_text(argv: Sequence[str]) -> bool:
    """Whether it runs a part of its arguments, or what a substitution gives, as a program."""
    names = {program(word).rpartition("/")[2] for word in argv}
    if names & WRAPPERS or "=" in argv[0]:
        return bool(names & (SHELLS | INTERPRETERS | {"eval", "source", ".", "sudo"})) or argv[0].startswith(("$", "`"))
    return argv[0].startswith(("$(", "`")) or bool({program(argv[0])} & (SHELLS | INTERPRETERS))


def inner_commands(argv: Sequence[str]) -> list[Sequence[str]]:
    """The commands that a command would run as they stand in its arguments: each possible beginning."""
    name = program(argv[0]).rpartition("/")[2]
    if name not in WRAPPERS and name not in SHELLS:
        return []
    return [argv[place:] for place in range(1, len(argv)) if not argv[place].startswith("-")]


def inner_lines(argv: Sequence[str]) -> list[str]:
    """Arguments that are command lines themselves: ``sh -c "…"``, ``ssh host "…"``, ``watch "…"``."""
    name = program(argv[0]).rpartition("/")[2]
    if name not in WRAPPERS | SHELLS:
        return []
    return [word for word in argv[1:] if re.search(r"[\s;|&`$<>]", word)]


def _words(arguments: Sequence[str]) -> list[str]:
    return [word.lower() for word in arguments if not word.startswith("-")]


def _takes_away(word: str) -> bool:
    return bool(GONE & set(re.split(r"[-_:/.]", word))) if re.fullmatch(r"[a-z_:.-]+", word) else False


def _place(path: str) -> str:
    """The folder that a path stands for, with wildcards and dots resolved: ``/usr/../etc/*`` is ``/etc``."""
    path = re.sub(r"^(\$HOME|\$\{HOME\}|~[\w-]*)(?=/|$)", "~", path)
    path = re.sub(r"(/(\*|\.\*|\.\[!?\.?\]\*?|\{.*\}))+/?$", "", path) or "/"
    plain = posixpath.normpath(path)
    return "/" if plain == "//" else plain


def _is_system(path: str) -> bool:
    return _place(path) in SYSTEM


def _targets(arguments: Sequence[str]) -> list[str]:
    words: list[str] = []
    for place, word in enumerate(arguments):
        if word == "--":
            return words + list(arguments[place + 1 :])
        if not word.startswith("-"):
            words.append(word)
    return words


def _flag(arguments: Sequence[str], letters: str, *names: str) -> bool:
    for word in arguments:
        if word == "--":
            return False
        if re.match(r"-[A-Za-z]", word) and any(letter in word[1:] for letter in letters):
            return True
        # Long options may be shortened: --rec is --recursive.
        if word.startswith("--") and len(word) > 3 and any(one.startswith(word.partition("=")[0]) for one in names):  # noqa: PLR2004  # two dashes and a letter
            return True
    return False


def _rm(name: str, arguments: list[str]) -> Classified:
    if "--no-preserve-root" in arguments:
        return forbidden(f"{name} without the guard for /")
    if _flag(arguments, "rR", "--recursive"):
        lost = next((one for one in _targets(arguments) if _is_system(one)), "")
        if lost:
            return forbidden(f"{name} would delete {lost} with everything in it")
    return destructive(f"{name} deletes files")


def _dd(name: str, arguments: list[str]) -> Classified:
    out = next((word[3:] for word in arguments if word.startswith("of=")), "")
    if out.startswith("/dev/") and not HARMLESS_DEVICES.match(out):
        return forbidden(f"{name} writes over the device {out}")
    return destructive(f"{name} writes over {out}") if out else changing(f"{name} copies")


def _copy(name: str, arguments: list[str]) -> Classified:
    targets = _targets(arguments)
    last = targets[-1] if targets else ""
    if last.startswith("/dev/") and not HARMLESS_DEVICES.match(last):
        return forbidden(f"{name} writes over the device {last}")
    if name == "mv" and (last == "/dev/null" or any(_is_system(one) for one in targets[:-1])):
        return forbidden(f"{name} would take away {', '.join(targets[:-1])[:60]}")
    if any(PRECIOUS.match(one) for one in ([last] if name != "tee" else targets)):
        return destructive(f"{name} writes over {last}")
    if name == "rsync" and any(word.startswith(("--del", "--remove")) for word in arguments):
        return destructive("rsync deletes what is not at the source")
    return changing(f"{name} writes files")


def _rights(name: str, arguments: list[str]) -> Classified:
    if _flag(arguments, "R", "--recursive"):
        broken = next((one for one in _targets(arguments) if one.startswith(("/", "~", "$")) and _is_system(one)), "")
        if broken:
            return forbidden(f"{name} -R {broken} breaks the system")
    return changing(f"{name} changes who may do what")


def _kill(name: str, arguments: list[str]) -> Classified:
    targets = [word for word in arguments if re.fullmatch(r"-?\d+", word)]
    everything = "-1" in targets[1:] or arguments == ["-1"] or arguments[-2:] == ["--", "-1"]
    if name == "killall5" or everything or targets[-1:] == ["1"]:
        return forbidden(f"{name} would end every process")
    return changing(f"{name} ends or signals processes")


def _git(name: str, arguments: list[str]) -> Classified:
    words = _words(arguments)
    verb = words[0] if words else ""
    lost = {
        "reset": "--hard" in arguments,
        "clean": _flag(arguments, "f", "--force"),
        "push": _flag(arguments, "fd", "--force", "--force-with-lease", "--mirror", "--delete", "--prune")
        or any(word.startswith((":", "+")) for word in words[1:]),
        "branch": _flag(arguments, "dD", "--delete"),
        "tag": _flag(arguments, "d", "--delete"),
        "stash": bool({"drop", "clear"} & set(words)),
        "reflog": bool({"expire", "delete"} & set(words)),
        "checkout": "--" in arguments or _flag(arguments, "f", "--force") or "." in words,
        "restore": True,
        "filter-branch": True,
        "rm": True,
        "gc": any(word.startswith("--prune") for word in arguments),
    }
    return (
        destructive(f"git {verb} discards work")
        if lost.get(verb)
        else changing(f"{name} {verb} changes the repository")
    )


def _systemctl(name: str, arguments: list[str]) -> Classified:
    words = _words(arguments)
    down = {
        "poweroff",
        "reboot",
        "halt",
        "kexec",
        "rescue",
        "emergency",
        "isolate",
        "soft-reboot",
        "suspend",
        "hibernate",
    }
    if down & set(words[:1]):
        return destructive(f"systemctl {words[0]} takes the machine down")
    return changing(f"{name} {' '.join(words)[:60]} changes a service".replace("  ", " "))


def _firewall(name: str, arguments: list[str]) -> Classified:
    verbs = {"flush", "reset", "disable", "delete", "destroy"} & set(_words(arguments))
    flushed = verbs or _flag(arguments, "FX", "--flush", "--delete-chain")
    return (
        destructive(f"{name} takes the firewall's rules away") if flushed else changing(f"{name} changes the firewall")
    )


def _find(name: str, arguments: list[str]) -> Classified:
    if "-delete" in arguments:
        start = next((one for one in arguments if not one.startswith("-")), ".")
        if _is_system(start) and not any(test in arguments for test in ("-name", "-path", "-mtime", "-regex")):
            return forbidden(f"find would delete {start} with everything in it")
        return destructive("find -delete deletes files")
    return changing(f"{name} with these options does more than look")


def _sql(name: str, arguments: list[str]) -> Classified:
    dialect = "mysql" if name.startswith(("mysql", "maria")) else "postgres"
    found = [judge(word, dialect) for word in arguments if re.search(r"\s", word.strip())]
    return max(found, key=lambda one: one.command_class.harm, default=changing(f"{name} may change data"))


def _packages(name: str, arguments: list[str]) -> Classified:
    gone = {"remove", "purge", "autoremove", "erase", "uninstall", "del", "autopurge"} & set(_words(arguments))
    short = (name == "pacman" and _flag(arguments, "R")) or (name in ("rpm", "dpkg") and _flag(arguments, "erP"))
    return destructive(f"{name} removes packages") if gone or short else changing(f"{name} changes packages")


def _curl(name: str, arguments: list[str]) -> Classified:
    joined = " ".join(arguments)
    deletes = re.search(r"(-X|--request[= ])\s*DELETE\b|--method[= ]DELETE\b", joined, re.IGNORECASE)
    return destructive(f"{name} sends DELETE") if deletes else changing(f"{name} sends or writes something")


def _terraform(name: str, arguments: list[str]) -> Classified:
    words = _words(arguments)
    gone = (
        words[:1] == ["destroy"] or "-destroy" in arguments or words[:2] in (["state", "rm"], ["workspace", "delete"])
    )
    return (
        destructive(f"{name} destroys what it manages")
        if gone
        else changing(f"{name} {' '.join(words[:2])} can change things")
    )


def _drains(name: str, arguments: list[str]) -> Classified:
    words = _words(arguments)
    gone = {"delete", "drain", "rm", "rmi", "prune", "evict"} & set(words[:5])
    forced = words[:1] == ["replace"] and "--force" in arguments
    volumes = "down" in words[:4] and _flag(arguments, "v", "--volumes")
    if gone or forced or volumes:
        return destructive(f"{name} {' '.join(words[:2])} takes something away")
    return changing(f"{name} {' '.join(words[:2])} changes something")


def _shrinks(name: str, arguments: list[str]) -> Classified:
    gone = any(word.startswith(("--vacuum", "--remove-files", "--delete")) for word in arguments)
    return destructive(f"{name} deletes what it has read") if gone else changing(f"{name} does more than look")


def _always(reason: str) -> Callable[[str, list[str]], Classified]:
    return lambda name, _arguments: destructive(f"{name} {reason}")


Rule = Callable[[str, list[str]], Classified]
RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("rm", "unlink", "srm"), _rm),
    **dict.fromkeys(("cp", "mv", "install", "tee", "rsync", "ln"), _copy),
    **dict.fromkeys(("chmod", "chown", "chgrp", "chattr", "setfacl"), _rights),
    **dict.fromkeys(("kill", "killall5", "pkill", "killall"), _kill),
    **dict.fromkeys(("iptables", "ip6tables", "nft", "ufw", "firewall-cmd"), _firewall),
    **dict.fromkeys(("psql", "mysql", "mariadb", "sqlite3", "clickhouse-client"), _sql),
    **dict.fromkeys(PACKAGES, _packages),
    **dict.fromkeys(("curl", "wget", "http", "https"), _curl),
    **dict.fromkeys(("terraform", "tofu"), _terraform),
    **dict.fromkeys(("kubectl", "oc", "docker", "podman", "crictl", "nerdctl"), _drains),
    **dict.fromkeys(("userdel", "groupdel", "deluser"), _always("removes an account")),
    **dict.fromkeys(("dropdb", "dropuser"), _always("drops it for good")),
    **dict.fromkeys(("lvremove", "vgremove", "pvremove"), _always("removes storage")),
    **dict.fromkeys(("journalctl", "tar"), _shrinks),
    "truncate": _always("empties or cuts files"),
    "dd": _dd,
    "find": _find,
    "git": _git,
    "systemctl": _systemctl,
    "crontab": lambda name, arguments: (
        destructive(f"{name} -r removes all of them")
        if _flag(arguments, "r")
        else changing(f"{name} changes the schedule")
    ),
    "cryptsetup": lambda name, arguments: (
        forbidden(f"{name} destroys what a disk holds")
        if {"luksformat", "erase", "lukserase"} & set(_words(arguments))
        else changing(f"{name} changes a disk")
    ),
}


def is_bomb(text: str) -> bool:
    """Whether a function calls itself twice in the background, under any name."""
    return re.search(r"([\w:.-]+)\(\)\{\1\|\1&\};?\1?", re.sub(r"\s", "", text)) is not None
