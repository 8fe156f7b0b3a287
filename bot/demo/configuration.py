"""The demo's configuration as Fettle reads it: the files of ``config/`` with what is known only once the world runs."""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bot.errors import ConfigError

SHIPPED = Path(__file__).parent / "config"
HEAD = """\
# Written when the demo starts: hosts and addresses are those of the services that run now, and changes made here are
# lost. `fettle init` makes a folder of your own.

"""


def write_config(described: Mapping[str, Any], folder: Path) -> Path:
    """Write the demo's configuration into ``folder``, replacing the one that an earlier start wrote; gives ``folder``.

    ``described`` is the world's JSON line. Raises ``ConfigError`` when something else is in the folder, or when the
    world runs no host of one of the catalogue's names.
    """
    if folder.exists():
        if not (folder / "fettle.yaml").is_file() and any(folder.iterdir()):
            raise ConfigError(f"{folder} holds something else than the demo's configuration; it is left alone.")
        shutil.rmtree(folder)
    shutil.copytree(SHIPPED, folder, ignore=shutil.ignore_patterns("__pycache__"))
    catalogue = folder / "catalogue.yaml"
    body = located(yaml.safe_load(catalogue.read_text(encoding="utf-8")), described.get("hosts", {}))
    catalogue.write_text(HEAD + yaml.safe_dump(body, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return folder


def located(catalogue: Mapping[str, Any], hosts: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The catalogue with the hosts where they are, and each service at the address of its first host."""
    found: dict[str, Any] = {}
    for name, known in catalogue["hosts"].items():
        if name not in hosts:
            raise ConfigError(
                f"The demo's world runs no host {name}, which its catalogue has; it runs {', '.join(hosts)}."
            )
        here = {key: value for key, value in hosts[name].items() if key != "service"}
        # Ansible's modules run with this Python: the demo's host is this machine, which may have no other one.
        found[name] = {**known, **here, "ansible_python_interpreter": sys.executable}
    services = {
        name: {**service, "url": found[service["hosts"][0]]["service_url"]}
        for name, service in catalogue["services"].items()
    }
    return {**catalogue, "hosts": found, "services": services}
