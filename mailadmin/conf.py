"""The deployment's own settings: the dictionary `MAILADMIN` in Django's settings, with its defaults.

| key | default | meaning |
|---|---|---|
| `KEYS` | the variable `MAILADMIN_KEYS`, comma-separated | encryption keys; the first seals, all open |
| `KEY_FILE` | none | a file with one key a line, used when `KEYS` is empty |
| `ENVIRONMENT` | "" | the name of this environment, such as "production"; the database is bound to it |
| `GENERATION_FILE` | `<KEY_FILE>.generation` | where the age of the database is counted along (None: nowhere) |
| `SECRET_REFS` | `env:MAILADMIN_SECRET_*`, `file:/run/secrets/` | secrets outside the database that may be read |
| `NETWORK` | everything but link-local, metadata, multicast | `ALLOW_PRIVATE`, `ALLOW_LOOPBACK`, `PORTS` |
| `MANAGED_IDENTITY` | False | integrated services may use this machine's managed identity (Azure) |
| `DELIVERY` | "direct" | "direct": the caller waits; "queued": a worker sends (a mailer or message may say otherwise) |
| `DELIVERY_LOG` | True | keep a row for each message; False leaves only the lines of the logger `mailadmin.delivery` |
| `QUEUE_WAKE` | "" | who is told of queued messages: "" our own workers, "celery", or "tasks" (Django 6's) |
| `LAST_RESORT` | "" | another mailer that sends until the first route exists, and while the database is down |
| `METRICS_TOKEN` | "" | what monitors send to read metrics and health: itself, or `env:NAME`, or `file:/path` |
| `SANDBOX` | False | the sandbox may be started and added |
| `SANDBOX_FOLDER` | `.mailadmin/sandbox` | where the sandbox keeps its certificates |
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.views.decorators.debug import sensitive_variables

from .core import limits
from .core.keyring import KeyRing
from .core.references import DEFAULT_ALLOWED, Reference, parse
from .core.secret import Secret
from .core.texts import N_, _
from .net.dialler import NetworkPolicy


class ConfigurationError(ImproperlyConfigured):
    """The deployment is set up wrongly. Not a MailError, so that `fail_silently` cannot hide it."""


QUEUE_NEEDS_LOG = N_(
    'Queued delivery keeps its messages in the delivery log, and MAILADMIN["DELIVERY_LOG"] switches that off. '
    "Switch it on, or send directly."
)
KEYS_NEED_LOG = N_(
    'An idempotency key is kept in the delivery log, and MAILADMIN["DELIVERY_LOG"] switches that off. '
    "Switch it on, or send without a key."
)

_DEFAULTS: dict[str, Any] = {
    "KEYS": (),
    "KEY_FILE": None,
    "ENVIRONMENT": "",
    "GENERATION_FILE": "",
    "SECRET_REFS": DEFAULT_ALLOWED,
    "NETWORK": {},
    "MANAGED_IDENTITY": False,
    "DELIVERY": "direct",
    "DELIVERY_LOG": True,
    "QUEUE_WAKE": "",
    "LAST_RESORT": "",
    "METRICS_TOKEN": "",
    "SANDBOX": False,
    "SANDBOX_FOLDER": ".mailadmin/sandbox",
}
_NETWORK_DEFAULTS: dict[str, Any] = {"ALLOW_PRIVATE": True, "ALLOW_LOOPBACK": True, "PORTS": ()}

# The ring is read from its file again when the file changes, so that a rotation needs no restart.
_ring_cache: dict[tuple[object, ...], KeyRing] = {}


def setting(name: str) -> Any:
    """Return one entry of `MAILADMIN`, or its default. Raises ConfigurationError for unknown entries."""
    given = getattr(settings, "MAILADMIN", {})
    unknown = set(given) - set(_DEFAULTS)
    if unknown:
        text = _("MAILADMIN has unknown entries: {unknown}. Known are: {known}.")
        raise ConfigurationError(text.format(unknown=", ".join(sorted(unknown)), known=", ".join(sorted(_DEFAULTS))))
    return given.get(name, _DEFAULTS[name])


@sensitive_variables()
def key_ring() -> KeyRing:
    """Return the key ring. Raises ConfigurationError with a sentence when there is none or it is damaged."""
    keys = list(setting("KEYS")) or [key for key in os.environ.get("MAILADMIN_KEYS", "").split(",") if key.strip()]
    path = setting("KEY_FILE")
    if keys:
        return _ring(("keys", *keys), keys)
    if not path:
        raise ConfigurationError(
            _(
                'mailadmin has no encryption key. Make a key file with "python manage.py mailadmin_key PATH" and name '
                'it in MAILADMIN["KEY_FILE"], or set the environment variable MAILADMIN_KEYS.'
            )
        )
    try:
        stamp = Path(path).stat()
        identity = ("file", str(path), stamp.st_mtime_ns, stamp.st_size)
        if known := _ring_cache.get(identity):
            return known
        lines = [line.strip() for line in Path(path).read_text("utf-8").splitlines()]
    except UnicodeDecodeError:
        text = _("The key file {path} holds something else than keys: it is not text.")
        raise ConfigurationError(text.format(path=path)) from None
    except OSError as error:
        text = _(
            'The key file {path} cannot be read ({reason}). Make one with "python manage.py mailadmin_key {path}", or '
            "give this process the right to read it."
        )
        raise ConfigurationError(text.format(path=path, reason=error.strerror)) from None
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys:
        text = _(
            "The key file {path} is empty. Put the key back, or remove the file and make a new one with "
            '"python manage.py mailadmin_key {path}".'
        )
        raise ConfigurationError(text.format(path=path))
    return _ring(identity, keys)


@sensitive_variables()
def _ring(identity: tuple[object, ...], keys: Sequence[str]) -> KeyRing:
    ring = _ring_cache.get(identity)
    if ring is None:
        try:
            ring = KeyRing(key.strip() for key in keys)
        except ValueError as error:
            raise ConfigurationError(str(error)) from None
        _ring_cache.clear()
        _ring_cache[identity] = ring
    return ring


def delivery() -> str:
    """Return who sends a message that does not say so itself: "direct" or "queued". Raises ConfigurationError."""
    mode = setting("DELIVERY")
    if mode not in ("direct", "queued"):
        raise ConfigurationError(_('MAILADMIN["DELIVERY"] must be "direct" or "queued".'))
    if mode == "queued" and not setting("DELIVERY_LOG"):
        raise ConfigurationError(_(QUEUE_NEEDS_LOG))
    return str(mode)


def mailers() -> Mapping[str, Any] | None:
    """Return `MAILERS` where the project has it and this Django looks there (6.1): then none of the settings
    `EMAIL_HOST` and so on can be read. None elsewhere."""
    return getattr(settings, "MAILERS", None) if django.VERSION >= (6, 1) else None


def environment() -> str:
    """Return the name of this environment, "" when it has none. Raises ConfigurationError."""
    name = setting("ENVIRONMENT")
    if not isinstance(name, str) or len(name) > limits.ENVIRONMENT_CHARS or not name.isprintable():
        text = _('MAILADMIN["ENVIRONMENT"] must be a name of at most {number} characters.')
        raise ConfigurationError(text.format(number=limits.ENVIRONMENT_CHARS))
    return name.strip()


def generation_file() -> Path | None:
    """Return the path whose name, with that of the database, is the generation file's; None when there is none."""
    given, key_file = setting("GENERATION_FILE"), setting("KEY_FILE")
    if given is None or (given == "" and not key_file):
        return None
    return Path(given) if given else Path(f"{key_file}.generation")


@sensitive_variables()
def metrics_token() -> Secret | None:
    """Return what a monitor must send to read metrics and health, None when there is no such token. Raises
    ConfigurationError."""
    given = setting("METRICS_TOKEN")
    if given == "":
        return None
    if not isinstance(given, str):
        raise ConfigurationError(_('MAILADMIN["METRICS_TOKEN"] must be a text.'))
    reference = parse(given)
    token = _referred(reference) if reference else given
    # A header carries no other characters, and a shorter one could be guessed.
    if len(token) < limits.METRICS_TOKEN_CHARS or not (token.isascii() and token.isprintable()) or " " in token:
        text = _('MAILADMIN["METRICS_TOKEN"] must have at least {number} characters of ASCII, and no space.')
        raise ConfigurationError(text.format(number=limits.METRICS_TOKEN_CHARS))
    return Secret(token)


@sensitive_variables()
def _referred(reference: Reference) -> str:
    """Return what `reference` names. It stands in the settings of the server, so that it may name anything."""
    if reference.kind == "env":
        return os.environ.get(reference.name, "")
    try:
        return Path(reference.name).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        text = _('The file {path}, which MAILADMIN["METRICS_TOKEN"] names, cannot be read.')
        raise ConfigurationError(text.format(path=reference.name)) from None


def network_policy() -> NetworkPolicy:
    """Return which network addresses and ports this deployment lets out. Raises ConfigurationError."""
    given = setting("NETWORK")
    unknown = set(given) - set(_NETWORK_DEFAULTS)
    if unknown:
        text = _('MAILADMIN["NETWORK"] has unknown entries: {unknown}.')
        raise ConfigurationError(text.format(unknown=", ".join(sorted(unknown))))
    allowed = setting("MANAGED_IDENTITY")
    if not isinstance(allowed, bool):  # "False" out of an environment variable is no yes
        raise ConfigurationError(_('MAILADMIN["MANAGED_IDENTITY"] must be True or False.'))
    values = _NETWORK_DEFAULTS | given
    return NetworkPolicy(
        allow_private=values["ALLOW_PRIVATE"],
        allow_loopback=values["ALLOW_LOOPBACK"],
        ports=tuple(values["PORTS"]),
        managed_identity=allowed,
    )
