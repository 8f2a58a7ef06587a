"""A Dovecot of our own that checks passwords for Postfix."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.services.processes import program, running

_COMMON = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
auth_mechanisms = plain login cram-md5
auth_failure_delay = 0
ssl = no
# A wrong password would slow down every later sign-in from the same address.
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  unix_listener {folder}/auth {{
    mode = 0666
  }}
}}
"""
_BEFORE_2_4 = """
protocols = none
disable_plaintext_auth = no
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home=/nonexistent
}}
"""
_SINCE_2_4 = """
protocols {{
}}
auth_allow_cleartext = yes
passdb passwd-file {{
  passwd_file_path = {folder}/users
  default_password_scheme = PLAIN
}}
userdb static {{
  fields {{
    uid = nobody
    gid = nogroup
    home = /nonexistent
  }}
}}
"""


@contextlib.contextmanager
def running_dovecot(folder: Path, users: Mapping[str, str]) -> Iterator[Path]:
    """Run Dovecot in `folder` with these users and passwords; gives the socket that checks them."""
    folder.mkdir()
    for name in ("run", "state"):
        (folder / name).mkdir()
    (folder / "users").write_text("".join(f"{user}:{password}\n" for user, password in users.items()))
    config = folder / "dovecot.conf"
    config.write_text(_config(folder))
    command = [program("dovecot"), "-F", "-c", str(config)]
    with running(command, (folder / "auth").exists, folder / "log"):
        yield folder / "auth"


def _config(folder: Path) -> str:
    """Return the configuration; Dovecot 2.4 has another language for it."""
    version = subprocess.run([program("dovecot"), "--version"], capture_output=True, text=True, check=True).stdout
    number = version.split()[0]
    if tuple(map(int, number.split(".")[:2])) < (2, 4):
        return (_COMMON + _BEFORE_2_4).format(folder=folder)
    head = f"dovecot_config_version = {number}\ndovecot_storage_version = {number}\n"
    return head + (_COMMON + _SINCE_2_4).format(folder=folder)
