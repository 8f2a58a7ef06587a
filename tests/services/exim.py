"""An Exim of our own, the second real server: Debian will not install it beside Postfix, so it runs from a folder
into which its package was unpacked (tests/services/install.sh)."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.fakes import certificates
from tests.services.mailboxes import Mailboxes
from tests.services.mails import DOMAIN, MAILBOXES, PASSWORD, USER
from tests.services.processes import free_ports, listens, named, running, short_folder

EXIM = Path(os.environ.get("MAILADMIN_EXIM", "/opt/mailadmin-exim")) / "usr/sbin/exim4"

_WAYS = ("plain", "starttls", "tls", "certificate", "pipelined", "bare", "two_clients")
_CONFIG = """
keep_environment = LD_PRELOAD : ^NSS_WRAPPER_
exim_user = nobody
exim_group = nogroup
deliver_drop_privilege = true
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/pid
primary_hostname = mail.example.org
local_interfaces = 127.0.0.1
disable_ipv6 = true
daemon_smtp_ports = {all_ports}
tls_on_connect_ports = {tls}
tls_certificate = {folder}/server.pem
tls_privatekey = {folder}/server.pem
tls_verify_certificates = {folder}/ca.pem
tls_verify_hosts = ${{if eq{{$received_port}}{{{certificate}}}{{*}}{{}}}}
tls_advertise_hosts = ${{if inlist{{$received_port}}{{{starttls}:{certificate}}}{{*}}{{}}}}
auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}
pipelining_advertise_hosts = ${{if eq{{$received_port}}{{{bare}}}{{}}{{*}}}}
chunking_advertise_hosts = ${{if inlist{{$received_port}}{{{bare}:{pipelined}}}{{}}{{*}}}}
smtputf8_advertise_hosts = ${{if eq{{$received_port}}{{{bare}}}{{}}{{*}}}}
dsn_advertise_hosts = *
message_size_limit = 30M
recipients_max = 30
smtp_accept_max_per_connection = 1000
smtp_accept_queue_per_connection = 0
smtp_accept_max_per_host = ${{if eq{{$received_port}}{{{two_clients}}}{{2}}{{0}}}}
host_lookup =
rfc1413_query_timeout = 0s
acl_smtp_rcpt = recipient

begin acl
recipient:
  deny condition = ${{if inlist{{$received_port}}{{{starttls}:{tls}:{certificate}}}}}
       !authenticated = *
       message = 5.7.1 Sign in first
  deny message = 5.7.1 Relaying denied
       !domains = {domain}
  deny message = 5.1.1 User unknown
       !local_parts = {mailboxes}
  accept

begin routers
mailbox:
  driver = accept
  local_parts = {mailboxes}
  transport = maildir

begin transports
maildir:
  driver = appendfile
  user = nobody
  group = nogroup
  directory = {folder}/mail/$local_part_data
  maildir_format
  delivery_date_add
  return_path_add

begin authenticators
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${{if eq{{$auth1}}{{{user}}}{{{password}}}fail}}
  server_set_id = $auth1
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{user}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${{if and{{{{eq{{$auth1}}{{{user}}}}}{{eq{{$auth2}}{{{password}}}}}}}}}
  server_set_id = $auth1
certificate:
  driver = external
  public_name = EXTERNAL
  server_advertise_condition = $tls_in_certificate_verified
  server_param2 = ${{certextract {{subject,CN}}{{$tls_in_peercert}}}}
  server_condition = ${{if eq{{$auth1}}{{$auth2}}}}
  server_set_id = $auth1
"""


@dataclass(frozen=True)
class Exim:
    """The running server: a port of loopback for each way in, its mailboxes and its log."""

    folder: Path
    ports: Mapping[str, int]
    mail: Mailboxes

    @property
    def log(self) -> str:
        """Return what the server logged."""
        return "".join(path.read_text(errors="replace") for path in sorted((self.folder / "log").glob("*log")))


@contextlib.contextmanager
def running_exim() -> Iterator[Exim]:
    """Run Exim until the block ends."""
    with short_folder() as folder:
        ports = dict(zip(_WAYS, free_ports(len(_WAYS)), strict=True))
        nobody = pwd.getpwnam("nobody")
        for name in ("spool", "log", "mail"):
            (folder / name).mkdir()
            shutil.chown(folder / name, nobody.pw_uid, nobody.pw_gid)
        identity = certificates.good()
        (folder / "server.pem").write_text(identity.key + identity.certificate)
        shutil.chown(folder / "server.pem", nobody.pw_uid)
        (folder / "server.pem").chmod(0o600)
        (folder / "ca.pem").write_text(certificates.authority().pem)
        config = folder / "exim.conf"
        config.write_text(_config(folder, ports))
        # The binary insists on the user that its package makes; where the package is only unpacked, nobody stands in.
        accounts = named(folder, {"Debian-exim": nobody.pw_uid})
        command = [str(EXIM), "-C", str(config), "-bdf"]
        with running(command, lambda: listens(ports["plain"]), folder / "output", accounts):  # it opens all at once
            yield Exim(folder, ports, Mailboxes(folder / "mail"))


def _config(folder: Path, ports: Mapping[str, int]) -> str:
    every = " : ".join(map(str, ports.values()))
    values = {"domain": DOMAIN, "mailboxes": " : ".join((*MAILBOXES, "jürgen")), "user": USER, "password": PASSWORD}
    return _CONFIG.format(folder=folder, all_ports=every, **ports, **values)
