"""A Postfix of our own: its own queue, ports and mailboxes, beside whatever the machine runs."""

from __future__ import annotations

import contextlib
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.fakes import certificates
from tests.fakes.certificates import Identity
from tests.services.dovecot import running_dovecot
from tests.services.processes import free_ports, listens, program, running, short_folder, wait_for

USER, PASSWORD, DOMAIN = "anna@example.org", "richtig-1", "example.net"
MAILBOXES = ("ben", "carla")

_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.example.org
mydestination =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
default_transport = error:no mail leaves a test
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = texthash:{folder}/etc/mailboxes
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
smtpd_relay_restrictions = reject_unauth_destination
smtpd_error_sleep_time = 0
smtpd_sasl_type = dovecot
smtpd_sasl_path = {auth}
smtputf8_enable = no
"""
_SUBMISSION = """ -o smtpd_sasl_auth_enable=yes -o smtpd_tls_auth_only=yes
 -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
 -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject
"""
_DAEMONS = """
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True)
class Postfix:
    """The running server: a port for each way in, and the folder of its mailboxes."""

    plain: int
    starttls: int
    tls: int
    expired: int
    wrong_name: int
    untrusted: int
    ca_pem: str
    mail: Path

    def delivered(self, mailbox: str, message_id: str) -> bytes:
        """Return the delivered message with this Message-ID, waiting for it. Raises AssertionError."""
        found: list[bytes] = []

        def look() -> bool:
            texts = (path.read_bytes() for path in (self.mail / mailbox / "new").glob("*"))
            found.extend(text for text in texts if message_id.encode() in text)
            return bool(found)

        assert wait_for(look), f"{message_id} did not arrive for {mailbox}"
        return found[0]


@contextlib.contextmanager
def running_postfix() -> Iterator[Postfix]:
    """Run Postfix with Dovecot's password check until the block ends."""
    identities = {
        "starttls": certificates.good(),
        "tls": certificates.good(),
        "expired": certificates.expired(),
        "wrong_name": certificates.wrong_name(),
        "untrusted": certificates.authority("Somebody Else").issue("localhost", "127.0.0.1"),
    }
    with short_folder() as folder, running_dovecot(folder / "dovecot", {USER: PASSWORD}) as auth:
        ports = dict(zip(("plain", *identities), free_ports(1 + len(identities)), strict=True))
        etc = _configure(folder, auth, ports, identities)
        subprocess.run([program("postfix"), "-c", str(etc), "check"], check=True, capture_output=True)
        daemons = subprocess.run(
            [program("postconf"), "-h", "daemon_directory"], check=True, capture_output=True, text=True
        ).stdout.strip()
        command = [f"{daemons}/master", "-c", str(etc), "-d"]
        with running(command, lambda: all(map(listens, ports.values())), folder / "mail.log"):
            yield Postfix(**ports, ca_pem=certificates.authority().pem, mail=folder / "mail")


def _configure(folder: Path, auth: Path, ports: dict[str, int], identities: dict[str, Identity]) -> Path:
    nobody = pwd.getpwnam("nobody")
    etc = folder / "etc"
    for name in ("etc", "queue", "data", "mail"):
        (folder / name).mkdir()
    shutil.chown(folder / "data", "postfix")
    shutil.chown(folder / "mail", nobody.pw_uid, nobody.pw_gid)
    values = {"folder": folder, "auth": auth, "domain": DOMAIN, "uid": nobody.pw_uid, "gid": nobody.pw_gid}
    (etc / "main.cf").write_text(_MAIN.format(**values))
    (etc / "mailboxes").write_text("".join(f"{name}@{DOMAIN} {name}/\n" for name in MAILBOXES))
    services = [f"127.0.0.1:{ports['plain']} inet n - n - - smtpd\n"]
    for name, identity in identities.items():
        pem = etc / f"{name}.pem"
        pem.write_text(identity.key + identity.certificate)
        pem.chmod(0o600)
        services.append(
            f"127.0.0.1:{ports[name]} inet n - n - - smtpd -o smtpd_tls_chain_files={pem}"
            f" -o {'smtpd_tls_wrappermode=yes' if name == 'tls' else 'smtpd_tls_security_level=encrypt'}\n{_SUBMISSION}"
        )
    (etc / "master.cf").write_text("".join(services) + _DAEMONS)
    return etc
