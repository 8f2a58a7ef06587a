"""A Postfix of our own: its own queue, ports and mailboxes, beside whatever the machine runs."""

from __future__ import annotations

import contextlib
import pwd
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.fakes import certificates
from tests.fakes.certificates import Identity
from tests.services.dovecot import Dovecot, running_dovecot
from tests.services.kerberos import Realm
from tests.services.mailboxes import Mailboxes
from tests.services.mails import DOMAIN, MAILBOXES, PASSWORD, USER
from tests.services.processes import free_ports, listens, program, running, short_folder

NEEDS = ("postfix", "postconf", "dovecot", "saslpasswd2")

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
virtual_mailbox_limit = 0
recipient_delimiter = +
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
message_size_limit = 30000000
smtpd_relay_restrictions = reject_unauth_destination
smtpd_error_sleep_time = 0
smtpd_sasl_type = dovecot
smtpd_sasl_path = {auth}
cyrus_sasl_config_path = {folder}/etc/sasl
smtpd_tls_CAfile = {folder}/etc/ca.pem
smtpd_tls_received_header = yes
smtputf8_enable = no
service_throttle_time = 1
"""
_SIGNED_IN = {
    "smtpd_tls_security_level": "encrypt",
    "smtpd_sasl_auth_enable": "yes",
    "smtpd_tls_auth_only": "yes",
    "smtpd_relay_restrictions": "permit_sasl_authenticated,reject",
    "smtpd_recipient_restrictions": "permit_sasl_authenticated,reject",
}
# The ways in: the options of each.
_CLEAR: dict[str, dict[str, str]] = {
    "plain": {},
    "kept": {},  # of a test's own, for the log says how often somebody connected
    "pipelined": {"smtpd_discard_ehlo_keywords": "chunking"},
    "bare": {"smtpd_discard_ehlo_keywords": "pipelining,chunking,dsn,enhancedstatuscodes"},
    "seven_bit": {"smtpd_discard_ehlo_keywords": "8bitmime"},
    "two_clients": {"smtpd_client_connection_count_limit": "2", "smtpd_client_event_limit_exceptions": ""},
    "small": {"message_size_limit": "50000"},
    "few_recipients": {"smtpd_recipient_limit": "5"},
}
_ENCRYPTED: dict[str, dict[str, str]] = {
    "starttls": _SIGNED_IN,
    "tls": _SIGNED_IN | {"smtpd_tls_wrappermode": "yes"},
    "tls_1_2": _SIGNED_IN | {"smtpd_tls_mandatory_protocols": "TLSv1.2"},
    "expired": _SIGNED_IN,
    "wrong_name": _SIGNED_IN,
    "untrusted": _SIGNED_IN,
    "scanned": _SIGNED_IN,  # as if a virus scanner had opened the encryption
    "unlisted": _SIGNED_IN,  # nobody answers where the list of withdrawn certificates should be
    "closing": _SIGNED_IN,  # of the tests of closed and of kept sessions, which count them
    "certificate": {
        "smtpd_tls_security_level": "encrypt",
        "smtpd_tls_req_ccert": "yes",
        "smtpd_relay_restrictions": "permit_tls_all_clientcerts,reject",
    },
    # Each offers its method and those that are weaker.
    "scram_sha_1": _SIGNED_IN | {"smtpd_sasl_mechanism_filter": "!scram-sha-256,static:rest"},
    "cram_md5": _SIGNED_IN | {"smtpd_sasl_mechanism_filter": "cram-md5,plain,login"},
    "cyrus": _SIGNED_IN | {"smtpd_sasl_type": "cyrus", "smtpd_sasl_path": "smtpd"},
    "ntlm": _SIGNED_IN
    | {"smtpd_sasl_type": "cyrus", "smtpd_sasl_path": "smtpd", "smtpd_sasl_mechanism_filter": "ntlm,plain,login"},
    "plain_text": _SIGNED_IN | {"smtpd_sasl_mechanism_filter": "plain,login"},
    "login": _SIGNED_IN | {"smtpd_sasl_mechanism_filter": "login"},
    "xoauth2": _SIGNED_IN | {"smtpd_sasl_mechanism_filter": "xoauth2,login"},
    "oauthbearer": _SIGNED_IN | {"smtpd_sasl_mechanism_filter": "oauthbearer,login"},
}
# At the usual ports, on an address of loopback that no other Postfix has; whoever likes signs in.
_WELCOME = {name: value for name, value in _SIGNED_IN.items() if not name.endswith("_restrictions")}
_USUAL: dict[int, dict[str, str]] = {25: {}, 587: _WELCOME, 465: _WELCOME | {"smtpd_tls_wrappermode": "yes"}}
_CYRUS = """
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: {database}
mech_list: SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 NTLM PLAIN LOGIN
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
    """The server: a port of loopback for each way in, an address with the usual ports (25 plain, 587 with STARTTLS, 465
    with TLS from the start), its mailboxes and its log."""

    folder: Path
    ports: Mapping[str, int]
    address: str
    mail: Mailboxes
    dovecot: Dovecot
    ca_pem: str

    def log(self, way: str) -> list[str]:
        """Return what the log says of one way in."""
        text = (self.folder / "mail.log").read_text(errors="replace")
        return [line for line in text.splitlines() if f" {way}/smtpd[" in line]

    def sessions(self, way: str) -> list[str]:
        """Return what the log counts for each session that had a message and has ended: "ehlo=1 mail=2 ..."."""
        return [line.partition("]: ")[2] for line in self.log(way) if "disconnect from" in line and " mail=" in line]

    def taken(self) -> list[str]:
        """Return the Message-ID of every message that was taken on any way, in their order."""
        text = (self.folder / "mail.log").read_text(errors="replace")
        return [line.partition(" message-id=")[2] for line in text.splitlines() if " message-id=" in line]

    def settled(self) -> bool:
        """Tell whether nothing is left in the queue: ended before that, it would deliver once more when it is back."""
        folders = (self.folder / "queue" / name for name in ("maildrop", "incoming", "active"))
        return not any(path.is_file() for folder in folders for path in folder.rglob("*"))

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run it until the block ends; it may be run again."""
        daemons = subprocess.run(
            [program("postconf"), "-h", "daemon_directory"], check=True, capture_output=True, text=True
        ).stdout.strip()
        command = [f"{daemons}/master", "-c", str(self.folder / "etc"), "-d"]
        last = list(self.ports.values())[-1]  # they are opened in the order of master.cf
        with running(command, lambda: listens(last), self.folder / "mail.log"):
            yield


def mails_of(session: str) -> int:
    """Return how many messages one of `Postfix.sessions` was given."""
    return int(session.partition(" mail=")[2].split()[0].partition("/")[0])


@contextlib.contextmanager
def prepared_postfix(realm: Realm | None = None) -> Iterator[Postfix]:
    """Give a Postfix that is ready to be run, with Dovecot's check of passwords (and of tickets, with a `realm`)
    running."""
    with short_folder() as folder, running_dovecot(folder / "dovecot", {USER: PASSWORD}, realm) as dovecot:
        ways = [*_CLEAR, *_ENCRYPTED]
        ports = dict(zip(ways, free_ports(len(ways)), strict=True))
        # By chance of the system: pytest-randomly begins with the same seed in every process.
        address = ".".join(["127", *(str(1 + secrets.randbelow(254)) for _ in range(3))])
        _configure(folder, dovecot, ports, address)
        subprocess.run([program("postfix"), "-c", str(folder / "etc"), "check"], check=True, capture_output=True)
        yield Postfix(folder, ports, address, Mailboxes(folder / "mail"), dovecot, certificates.authority().pem)


@contextlib.contextmanager
def running_postfix(realm: Realm | None = None) -> Iterator[Postfix]:
    """Run Postfix with Dovecot's check of passwords, or of tickets too, until the block ends."""
    with prepared_postfix(realm) as postfix, postfix.running():
        yield postfix


def _configure(folder: Path, dovecot: Dovecot, ports: Mapping[str, int], address: str) -> None:
    nobody = pwd.getpwnam("nobody")
    etc = folder / "etc"
    for name in ("etc", "queue", "data", "mail"):
        (folder / name).mkdir()
    shutil.chown(folder / "data", "postfix")
    shutil.chown(folder / "mail", nobody.pw_uid, nobody.pw_gid)
    values = {"folder": folder, "auth": dovecot.socket, "domain": DOMAIN, "uid": nobody.pw_uid, "gid": nobody.pw_gid}
    (etc / "main.cf").write_text(_MAIN.format(**values))
    (etc / "ca.pem").write_text(certificates.authority().pem)
    (etc / "mailboxes").write_text("".join(f"{name}@{DOMAIN} {name}/\n" for name in MAILBOXES))
    _prepare_cyrus(folder)
    services = [_service(way, f"127.0.0.1:{ports[way]}", options) for way, options in _CLEAR.items()]
    ours = certificates.authority()
    good = _write(etc / "good.pem", ours.issue("localhost", "127.0.0.1", address))
    bad = {
        "expired": certificates.expired(),
        "wrong_name": certificates.wrong_name(),
        "untrusted": certificates.authority("Somebody Else").issue("localhost", "127.0.0.1"),
        "scanned": certificates.authority("Avast Web/Mail Shield Root").issue("localhost", "127.0.0.1"),
        "unlisted": ours.issue("localhost", "127.0.0.1", points=[certificates.point("http://localhost:1/ca.crl")]),
    }
    for way, options in _ENCRYPTED.items():
        pem = _write(etc / f"{way}.pem", bad[way]) if way in bad else good
        services.append(_service(way, f"127.0.0.1:{ports[way]}", options | {"smtpd_tls_chain_files": str(pem)}))
    for port, options in _USUAL.items():
        services.append(_service(f"usual_{port}", f"{address}:{port}", options | {"smtpd_tls_chain_files": str(good)}))
    (etc / "master.cf").write_text("".join(services) + _DAEMONS)


def _prepare_cyrus(folder: Path) -> None:
    """Write what Cyrus SASL needs: it has NTLM, which Dovecot gave up with 2.3.13."""
    sasl = folder / "etc" / "sasl"
    sasl.mkdir()
    database = sasl / "passwords"
    user, _, realm = USER.partition("@")
    subprocess.run(
        [program("saslpasswd2"), "-p", "-c", "-f", str(database), "-u", realm, user],
        input=PASSWORD.encode(),
        check=True,
        capture_output=True,
    )
    shutil.chown(database, "postfix")
    (sasl / "smtpd.conf").write_text(_CYRUS.format(database=database))


def _service(way: str, where: str, options: Mapping[str, str]) -> str:
    set_ = "".join(f" -o {name}={value}" for name, value in (options | {"syslog_name": way}).items())
    return f"{where} inet n - n - - smtpd{set_}\n"


def _write(path: Path, identity: Identity) -> Path:
    path.write_text(identity.key + identity.certificate)
    path.chmod(0o600)
    return path
