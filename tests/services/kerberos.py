"""A Kerberos realm of our own (MIT krb5): a key server, a service and a user with a ticket."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.services.processes import free_ports, listens, program, running

NEEDS = ("krb5kdc", "kdb5_util", "kadmin.local", "kinit")
REALM, USER, SERVICE = "EXAMPLE.ORG", "anna", "smtp/localhost"

_CLIENT = """
[libdefaults]
  default_realm = {realm}
  dns_lookup_kdc = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
[realms]
  {realm} = {{
    kdc = 127.0.0.1:{port}
  }}
[logging]
  kdc = FILE:{folder}/kdc.log
"""
_SERVER = """
[realms]
  {realm} = {{
    database_name = {folder}/principal
    key_stash_file = {folder}/stash
    acl_file = {folder}/acl
    kdc_listen = ""
    kdc_tcp_listen = 127.0.0.1:{port}
  }}
"""


@dataclass(frozen=True)
class Realm:
    """The running realm: what its programs and libraries must find in the environment, the keys of the service, and
    where the user's tickets are."""

    environment: dict[str, str]
    keytab: Path
    tickets: str


@contextlib.contextmanager
def running_realm(folder: Path) -> Iterator[Realm]:
    """Run the key server in `folder`, with a ticket for the user, until the block ends."""
    folder.mkdir()
    (port,) = free_ports(1)
    values = {"realm": REALM, "folder": folder, "port": port}
    (folder / "krb5.conf").write_text(_CLIENT.format(**values))
    (folder / "kdc.conf").write_text(_SERVER.format(**values))
    settings = {
        "KRB5_CONFIG": str(folder / "krb5.conf"),
        "KRB5_KDC_PROFILE": str(folder / "kdc.conf"),
    }
    environment = os.environ | settings

    def do(*command: str) -> None:
        subprocess.run([program(command[0]), *command[1:]], env=environment, check=True, capture_output=True)

    do("kdb5_util", "create", "-s", "-r", REALM, "-P", "master-1")
    for principal in (USER, SERVICE):
        do("kadmin.local", "-q", f"addprinc -randkey {principal}")
    keytab, own = folder / "service.keytab", folder / "user.keytab"
    do("kadmin.local", "-q", f"ktadd -k {keytab} {SERVICE}")
    do("kadmin.local", "-q", f"ktadd -k {own} {USER}")
    keytab.chmod(0o644)  # Dovecot reads it as a user of its own
    tickets = f"FILE:{folder}/tickets"
    with running([program("krb5kdc"), "-n"], lambda: listens(port), folder / "output", environment):
        do("kinit", "-k", "-t", str(own), "-c", tickets, USER)
        yield Realm(settings, keytab, tickets)
