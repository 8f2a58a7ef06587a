"""What a test was made with: every setting that it proves, by the names that people see, and one digest of them all.

Both are read from the frozen values, so that they are the same for a saved row and for what was typed. A secret stands
in them by its version alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from mailadmin.core import settings
from mailadmin.core.secret import Secret
from mailadmin.core.settings import SmtpRoute
from mailadmin.models import IntegratedService, OAuthService, SmtpConnection
from mailadmin.net.certificate import day

from .ladders import Subject

# The names of the settings, by their path in the frozen values.
LABELS = {
    "host": "Host",
    "port": "Port",
    "security": "Security",
    "tls.minimum": "Oldest TLS version",
    "tls.check_identity": "Check the server's identity",
    "tls.trusted_hosts": "Trusted hosts",
    "tls.ca_pem": "Own CA certificate",
    "tls.check_revocation": "Check the certificate for revocation",
    "auth": "Sign-in",
    "mechanism": "Sign-in method",
    "domain": "Domain",
    "user": "User name",
    "password": "Password",
    "client.pem": "Client certificate",
    "client.key": "Key of the client certificate",
    "family": "Addresses of the server",
    "sessions.keep_open": "Keep the session open",
    "sessions.pipelining": "Use PIPELINING",
    "sessions.chunking": "Use CHUNKING",
    "notices": "Delivery notices",
    "timeouts.connect": "Time to connect (seconds)",
    "timeouts.command": "Time for a command (seconds)",
    "timeouts.message": "Time for a whole message (seconds)",
    "timeouts.final": "Time for the last answer (seconds)",
    "sender.address": "From address",
    "sender.name": "From display name",
    "sender.policy": "From of the messages",
    "sender.envelope": "Envelope sender",
    "sender.send_as": "Send-As addresses",
    "client_type": "Client type",
    "identity": "Service identity",
    "mailboxes": "Further mailboxes",
    "scopes": "Scopes",
    "large_messages": "Send large messages by upload",
    "save_to_sent": "Save to sent items",
    "settle": "Look into the mailbox after an unclear answer",
    "app.name": "Integrated service",
    "app.cloud.name": "Cloud",
    "app.cloud.authority_host": "Sign-in host",
    "app.cloud.graph_host": "Graph host",
    "app.cloud.mail_hosts": "Mail hosts",
    "app.cloud.smtp_scope": "Scope for SMTP",
    "app.cloud.ca_pem": "Own CA certificate of the cloud",
    "app.tenant": "Tenant",
    "app.client_id": "Client ID",
    "app.credential.kind": "Credential",
    "app.credential.secret": "Secret of the credential",
    "app.credential.certificate": "Certificate of the app",
    "app.wide_permission_ok": "A permission for every mailbox is meant",
    **{
        f"{path}proxy.{name}": f"{label}{of}"
        for path, of in (("", ""), ("app.", " of the integrated service"))
        for name, label in (
            ("kind", "Proxy"),
            ("host", "Proxy host"),
            ("port", "Proxy port"),
            ("user", "Proxy user name"),
            ("password", "Proxy password"),
        )
    },
    "for_smtp": "Token for SMTP",
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
    shown = (
        (LABELS[path], clouds.get(value, value) if path == "app.cloud.name" else _shown(value))
        for path, value in _tested(subject)
    )
    return {label: text for label, text in shown if text}


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
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, str) and "-----BEGIN" in value:
        return f"SHA-256 {hashlib.sha256(str(_exact(value)).encode()).hexdigest()[:16]}…"
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value).strip()


def _put_in(version: str) -> str:
    try:
        at = datetime.fromisoformat(version).astimezone(UTC)
    except ValueError:
        return "typed, not stored"
    return f"stored {day(at)}, {at:%H:%M:%S} UTC"
