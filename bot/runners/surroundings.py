"""What a started program sees of the environment."""

import sys
from collections.abc import Mapping
from pathlib import Path

PASSED_ON = ("DBUS_SESSION_BUS_ADDRESS", "HOME", "LOGNAME", "SSH_AUTH_SOCK", "TMPDIR", "TZ", "USER", "XDG_RUNTIME_DIR")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """Nothing of Fettle's own, the programs beside this Python first, UTF-8."""
    kept_on = {name: given[name] for name in PASSED_ON if name in given}
    path = f"{Path(sys.executable).parent}:{given.get('PATH', '')}:{SYSTEM_PATH}"
    mac = sys.platform == "darwin"
    if mac:
        # Ansible forks, which the system's frameworks there do not survive otherwise.
        kept_on |= {"OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES", "no_proxy": "*"}
    return kept_on | {"PATH": path, "LC_ALL": "en_US.UTF-8" if mac else "C.UTF-8", "TERM": "dumb"}
