"""A Dovecot of our own that checks passwords and tokens for Postfix."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import secrets
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.services.kerberos import Realm
from tests.services.processes import program, running

_PASSWORD = ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN")
_COMMON = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
auth_mechanisms = {mechanisms}
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
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/tokens.conf
}}
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
_KERBEROS = """
auth_mechanisms = $auth_mechanisms gssapi
auth_krb5_keytab = {keytab}
auth_gssapi_hostname = localhost
import_environment = $import_environment {variables}
"""
# Tokens are checked here by their signature (RFC 7519, HS256); nobody is asked.
_TOKENS = """
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={folder}/keys/
username_attribute = sub
"""


@dataclass(frozen=True)
class Dovecot:
    """The running server: the socket by which it is asked, and the key that signs its tokens."""

    socket: Path
    key: bytes

    def token(self, user: str, seconds: int = 3600) -> str:
        """Return a token for `user` that holds for `seconds` (negative: ended that long ago)."""
        now = int(time.time())
        claims = {"sub": user, "iat": now - 7200, "nbf": now - 7200, "exp": now + seconds}
        parts = [_packed(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
        signature = hmac.new(self.key, ".".join(parts).encode(), hashlib.sha256).digest()
        return ".".join([*parts, _packed(signature)])


@cache
def version() -> tuple[int, ...]:
    """Return the version of the installed Dovecot, () where there is none."""
    if not program("dovecot"):
        return ()
    text = subprocess.run([program("dovecot"), "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, text.split()[0].split(".")))


def mechanisms() -> tuple[str, ...]:
    """Return the sign-in methods that our Dovecot offers; 2.4 checks tokens in another way, which we do not set up."""
    return (*_PASSWORD, *(() if version() >= (2, 4) else ("XOAUTH2", "OAUTHBEARER")))


@contextlib.contextmanager
def running_dovecot(folder: Path, users: Mapping[str, str], realm: Realm | None = None) -> Iterator[Dovecot]:
    """Run Dovecot in `folder` with these users and passwords, and a Kerberos realm if there is one."""
    key = secrets.token_bytes(32)
    keys = folder / "keys" / "default" / "HS256"
    for path in (folder / "run", folder / "state", keys):
        path.mkdir(parents=True)
    (keys / "default").write_text(base64.b64encode(key).decode())
    (folder / "users").write_text("".join(f"{user}:{password}\n" for user, password in users.items()))
    (folder / "tokens.conf").write_text(_TOKENS.format(folder=folder))
    config = folder / "dovecot.conf"
    config.write_text(_config(folder) + (_kerberos(realm) if realm else ""))
    command = [program("dovecot"), "-F", "-c", str(config)]
    with running(command, (folder / "auth").exists, folder / "log"):
        yield Dovecot(folder / "auth", key)


def _config(folder: Path) -> str:
    """Return the configuration; Dovecot 2.4 has another language for it."""
    values = {"folder": folder, "mechanisms": " ".join(mechanisms()).lower()}
    if version() < (2, 4):
        return (_COMMON + _BEFORE_2_4).format(**values)
    number = ".".join(map(str, version()))
    head = f"dovecot_config_version = {number}\ndovecot_storage_version = {number}\n"
    return head + (_COMMON + _SINCE_2_4).format(**values)


def _kerberos(realm: Realm) -> str:
    """Return what lets it take tickets."""
    variables = " ".join(f"{name}={value}" for name, value in realm.environment.items())
    return _KERBEROS.format(keytab=realm.keytab, variables=variables)


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
