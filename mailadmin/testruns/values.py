"""What a test was made with: every setting that it proves, by the names that people see, and one digest of them all.

Both are read from the frozen values, so that they are the same for a saved row and for what was typed. A secret stands
in them by its version alone. They are kept in the language of the code, whoever tests: by these names tests are
compared, and hosts and people are taken out of reports; `in_words` is how people read them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import override

from mailadmin.core import settings
from mailadmin.core.dates import day
from mailadmin.core.secret import Secret
from mailadmin.core.settings import SmtpRoute
from mailadmin.core.texts import N_
from mailadmin.models import IntegratedService, OAuthService, SmtpConnection

from .ladders import Subject

# The names of the settings, by their path in the frozen values; looked up in the catalogue when they are shown.
LABELS = {
    "host": N_("Host"),
    "port": N_("Port"),
    "security": N_("Security"),
    "tls.minimum": N_("Oldest TLS version"),
    "tls.check_identity": N_("Check the server's identity"),
    "tls.trusted_hosts": N_("Trusted hosts"),
    "tls.ca_pem": N_("Own CA certificate"),
    "tls.check_revocation": N_("Check the certificate for revocation"),
    "auth": N_("Sign-in"),
    "mechanism": N_("Sign-in method"),
    "domain": N_("Domain"),
    "user": N_("User name"),
    "password": N_("Password"),
    "client.pem": N_("Client certificate"),
    "client.key": N_("Key of the client certificate"),
    "family": N_("Addresses of the server"),
    "sessions.keep_open": N_("Keep the session open"),
    "sessions.pipelining": N_("Use PIPELINING"),
    "sessions.chunking": N_("Use CHUNKING"),
    "notices": N_("Delivery notices"),
    "timeouts.connect": N_("Time to connect (seconds)"),
    "timeouts.command": N_("Time for a command (seconds)"),
    "timeouts.message": N_("Time for a whole message (seconds)"),
    "timeouts.final": N_("Time for the last answer (seconds)"),
    "sender.address": N_("From address"),
    "sender.name": N_("From display name"),
    "sender.policy": N_("From of the messages"),
    "sender.envelope": N_("Envelope sender"),
    "sender.send_as": N_("Send-As addresses"),
    "client_type": N_("Client type"),
    "identity": N_("Service identity"),
    "mailboxes": N_("Further mailboxes"),
    "scopes": N_("Scopes"),
    "large_messages": N_("Send large messages by upload"),
    "save_to_sent": N_("Save to sent items"),
    "settle": N_("Look into the mailbox after an unclear answer"),
    "app.name": N_("Integrated service"),
    "app.cloud.name": N_("Cloud"),
    "app.cloud.authority_host": N_("Sign-in host"),
    "app.cloud.graph_host": N_("Graph host"),
    "app.cloud.mail_hosts": N_("Mail hosts"),
    "app.cloud.smtp_scope": N_("Scope for SMTP"),
    "app.cloud.ca_pem": N_("Own CA certificate of the cloud"),
    "app.tenant": N_("Tenant"),
    "app.client_id": N_("Client ID"),
    "app.credential.kind": N_("Credential"),
    "app.credential.secret": N_("Secret of the credential"),
    "app.credential.certificate": N_("Certificate of the app"),
    "app.wide_permission_ok": N_("A permission for every mailbox is meant"),
    "proxy.kind": N_("Proxy"),
    "proxy.host": N_("Proxy host"),
    "proxy.port": N_("Proxy port"),
    "proxy.user": N_("Proxy user name"),
    "proxy.password": N_("Proxy password"),
    "app.proxy.kind": N_("Proxy of the integrated service"),
    "app.proxy.host": N_("Proxy host of the integrated service"),
    "app.proxy.port": N_("Proxy port of the integrated service"),
    "app.proxy.user": N_("Proxy user name of the integrated service"),
    "app.proxy.password": N_("Proxy password of the integrated service"),
    "for_smtp": N_("Token for SMTP"),
}
# What decides which messages go by a route, when and how fast, or only what it is called: no test proves it.
UNTESTED = {
    "key.kind",
    "key.id",
    "name",
    "order",
    "label",
    "default_recipients",
    "on_unsure",
    "sender.only_for",
    "sender.subject_prefix",
    "rate.messages",
    "rate.seconds",
    "sessions.idle_seconds",
    "sessions.messages",
    "sessions.parallel",
    "timeouts.final_background",
    "messages_per_minute",
    "app.id",
    "app.requests_at_once",
    "app.credential.ends_on",
    "app.credential.version",
}
_UNNAMED = {"app.name"}  # shown, but a new name is no other setting
_YES, _NO, _TYPED = N_("yes"), N_("no"), N_("typed, not stored")
_STORED = "stored "
_WORDS: dict[type[Enum], Any] = {
    settings.Security: SmtpConnection.SecurityChoice,
    settings.TlsVersion: SmtpConnection.MinimumTls,
    settings.SmtpAuth: SmtpConnection.Authentication,
    settings.ProxyKind: SmtpConnection.ProxyChoice,
    settings.AddressFamily: SmtpConnection.FamilyChoice,
    settings.Notices: SmtpConnection.NoticesChoice,
    settings.SenderPolicy: SmtpConnection.FromPolicy,
    settings.ClientType: OAuthService.ClientTypeChoice,
    settings.CredentialKind: IntegratedService.CredentialChoice,
}


def values_of(subject: Subject) -> dict[str, str]:
    """Return what a test of `subject` is made with, by the names that people see; of a secret only when it was put in,
    of a certificate its digest. What is empty is left out."""
    clouds = dict(IntegratedService.CloudName.choices)
    with override(None):
        shown = [
            (LABELS[path], str(clouds.get(value, value)) if path == "app.cloud.name" else _shown(value))
            for path, value in _tested(subject)
        ]
    return {label: text for label, text in shown if text}


def in_words(value: str) -> str:
    """Return a value of `values_of` in the language of whoever reads it: what is chosen from a list, yes and no, and
    when a secret was put in; all other values are the same in every language."""
    if value.startswith(_STORED):
        return _("stored {when}").format(when=value.removeprefix(_STORED))
    return _(value) if value in _chosen() else value


def digest_of(subject: Subject) -> str:
    """Return a digest (64 hexadecimal digits) of everything that a test of `subject` proves: it changes with each
    setting and with each secret that is put in, and stays with a new name, order or pace. What is at its default is
    left out, so that a setting which a later version brings changes no digest."""
    usual = dict(_defaults(subject))
    facts = [
        (path, _exact(value))
        for path, value in _tested(subject)
        if path not in _UNNAMED and (path not in usual or _exact(usual[path]) != _exact(value))
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def paths(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every setting of a frozen value with its path ("tls.minimum"), in the order of the fields."""
    if not is_dataclass(value):
        yield path, value
        return
    for field in fields(value):
        yield from paths(getattr(value, field.name), f"{path}.{field.name}" if path else field.name)


@cache
def _chosen() -> frozenset[str]:
    """Return every word that a setting can be, as it stands in the code."""
    with override(None):
        labels = [str(label) for words in (*_WORDS.values(), IntegratedService.CloudName) for label in words.labels]
    return frozenset((*labels, _YES, _NO, _TYPED))


def _defaults(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the default of every setting that has one, as `paths` does."""
    for field in fields(value):
        at, held = f"{path}.{field.name}" if path else field.name, getattr(value, field.name)
        if is_dataclass(held):
            yield from _defaults(held, at)
        elif field.default is not MISSING:
            yield at, field.default


def _tested(subject: Subject) -> Iterator[tuple[str, Any]]:
    if isinstance(subject, SmtpRoute):
        subject = replace(subject, port=subject.effective_port)
    missing = ("app", "client", "proxy", "password", "app.credential", "app.proxy")  # an absent part is no setting
    for path, value in paths(subject):
        if path not in UNTESTED and not (value is None and path in missing):
            yield path, value


def _exact(value: Any) -> Any:
    """Return what of a setting goes into the digest."""
    if isinstance(value, Secret):
        return ["secret", value.version]
    if isinstance(value, str):
        return "\n".join(value.split())  # a browser's text area changes the line ends of a certificate
    return list(value) if isinstance(value, tuple) else value


def _shown(value: Any) -> str:
    if isinstance(value, Secret):
        return _put_in(value.version)
    if isinstance(value, Enum):
        words = _WORDS.get(type(value))
        return str(words(value).label) if words else str(value)
    if isinstance(value, bool):
        return _YES if value else _NO
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, str) and "-----BEGIN" in value:
        return f"SHA-256 {hashlib.sha256(str(_exact(value)).encode()).hexdigest()[:16]}…"
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value).strip()


def _put_in(version: str) -> str:
    try:
        at = datetime.fromisoformat(version).astimezone(UTC)
    except ValueError:
        return _TYPED
    return f"{_STORED}{day(at)}, {at:%H:%M:%S} UTC"
