"""Takes over the mail server that Django's own settings name, as a first SMTP connection: another alias of `MAILERS`
(Django 6.1), or the settings `EMAIL_HOST` and so on (5.2 and 6.0, and 6.1 without `MAILERS`; under `MAILERS` they
cannot even be read)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import global_settings, settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from mailadmin import conf
from mailadmin.core import addresses, limits, pfx, validation
from mailadmin.core.secret import Secret
from mailadmin.core.settings import Security, SmtpAuth
from mailadmin.models import SmtpConnection

BACKEND = "django.core.mail.backends.smtp.EmailBackend"
_USUAL_HOST, _USUAL_PORT = "localhost", 25  # Django's own; untouched they name no server that somebody chose
_NAME_CHARS = 80  # the column Named.name
_OPTIONS = {
    "host": "EMAIL_HOST",
    "port": "EMAIL_PORT",
    "username": "EMAIL_HOST_USER",
    "password": "EMAIL_HOST_PASSWORD",
    "use_tls": "EMAIL_USE_TLS",
    "use_ssl": "EMAIL_USE_SSL",
    "timeout": "EMAIL_TIMEOUT",
    "ssl_certfile": "EMAIL_SSL_CERTFILE",
    "ssl_keyfile": "EMAIL_SSL_KEYFILE",
}


class NotTaken(ValueError):
    """Nothing was taken over; the text is a sentence. `existing` is the connection that is there already."""

    def __init__(self, text: str, existing: SmtpConnection | None = None) -> None:
        super().__init__(text)
        self.existing = existing


@dataclass(frozen=True)
class Mailer:
    """A mail server as Django's settings name it; `source` says where, for people."""

    source: str
    host: str
    port: int
    security: Security
    user: str = ""
    password: Secret | None = None
    timeout: float | None = None  # seconds
    certificate: str = ""  # paths
    key: str = ""

    @property
    def signs_in(self) -> bool:
        """Tell whether there are both, user name and password: Django signs in only then (S23)."""
        return bool(self.user and self.password)

    @property
    def unsafe(self) -> bool:
        """Tell whether Django sends the password in the clear, to another machine."""
        return self.signs_in and self.security is Security.NONE and not validation.this_machine(self.host)


def offer() -> Mailer | None:
    """Return the mail server that Django's settings name and no connection is for yet, None without one."""
    try:
        found = first()
    except NotTaken:
        return None
    return found if existing(found) is None else None


def existing(mailer: Mailer) -> SmtpConnection | None:
    """Return the connection to the same server with the same user name."""
    rows = SmtpConnection.objects.filter(host__iexact=mailer.host)
    user = mailer.user if mailer.signs_in else ""
    return next((row for row in rows if row.user_name == user and _port(row) == mailer.port), None)


@sensitive_variables()
def from_alias(alias: str) -> Mailer:
    """Return the server of an alias of `MAILERS`. Raises NotTaken."""
    mailers = conf.mailers()
    if mailers is None:
        raise NotTaken(_("This project has no MAILERS; its settings EMAIL_HOST and so on are read without an alias."))
    if alias not in mailers:
        known = ", ".join(mailers)
        raise NotTaken(_("MAILERS has no alias “{alias}”. There are: {known}.").format(alias=alias, known=known))
    backend = mailers[alias].get("BACKEND", BACKEND)
    if backend != BACKEND:
        text = _("MAILERS[“{alias}”] does not send by SMTP itself: its backend is {backend}.")
        raise NotTaken(text.format(alias=alias, backend=backend))
    return _mailer(f'MAILERS["{alias}"]', mailers[alias].get("OPTIONS", {}))


@sensitive_variables()
def from_settings() -> Mailer:
    """Return the server of `EMAIL_HOST` and so on. Raises NotTaken where Django does not let them be read, and where
    they are as Django has them by itself."""
    if conf.mailers() is not None:
        raise NotTaken(_("This project has MAILERS, and then EMAIL_HOST and so on do not count. Name an alias of it."))
    # Past the warning of Django 6.1, which is for who sends by these settings: here they are on their way out.
    read = vars(settings)["_wrapped"]
    options = {option: getattr(read, name) for option, name in _OPTIONS.items()}
    found = _mailer("EMAIL_HOST", options)
    if (found.host, found.port) == (_USUAL_HOST, _USUAL_PORT) and not found.signs_in:
        raise NotTaken(_("This project's settings name no mail server: EMAIL_HOST is as Django has it by itself."))
    return found


def first() -> Mailer:
    """Return the first server that there is. Raises NotTaken."""
    mailers = conf.mailers()
    if mailers is None:
        return from_settings()
    for alias in mailers:
        with suppress(NotTaken):
            return from_alias(alias)
    raise NotTaken(_("No alias of MAILERS sends by SMTP itself, so there is no server to take over."))


@sensitive_variables()
def take_over(mailer: Mailer) -> SmtpConnection:
    """Save the server as an SMTP connection, its password sealed, and return it; the caller tells the audit trail.
    Raises NotTaken when it is there already or cannot be a connection, and ConfigurationError without a key."""
    if row := existing(mailer):
        raise NotTaken(_("“{name}” is the same server with the same user name.").format(name=row.name), row)
    if mailer.unsafe:  # with encryption it might not work, and from its first minute mail would go by it
        text = _(
            "Django sends the password to {host} without encryption, which is not done here. If the server can "
            "encrypt, say so in the settings (use_tls or use_ssl) and take it over then; or add it by hand, and test "
            "it first."
        )
        raise NotTaken(text.format(host=mailer.host))
    row = SmtpConnection(name=_free_name(mailer.host))
    row.host, row.security, row.order = mailer.host, mailer.security, SmtpConnection.objects.count()
    row.port = None if mailer.port == mailer.security.default_port else mailer.port
    row.from_address, row.from_name = _sender()
    if mailer.timeout:
        row.connect_timeout = row.command_timeout = min(max(mailer.timeout, 1.0), limits.MAX_TIMEOUT_SECONDS)
    if mailer.signs_in:
        row.auth, row.user_name = SmtpAuth.PASSWORD, mailer.user
    key = _certificate(row, mailer)
    try:
        row.full_clean()
    except ValidationError as error:
        raise NotTaken(" ".join(error.messages)) from None
    if mailer.signs_in and mailer.password:
        row.secret.set(mailer.password.reveal())
    if key:
        row.client_key.set(key.reveal())
    if errors := row.secret_errors():
        raise NotTaken(" ".join(errors.values()))
    with transaction.atomic():
        row.save()
    return row


@sensitive_variables()
def _mailer(source: str, options: Mapping[str, Any]) -> Mailer:
    """Return what Django would do with these options."""
    use_tls, use_ssl = bool(options.get("use_tls")), bool(options.get("use_ssl"))
    if use_tls and use_ssl:
        raise NotTaken(_("{source} asks for TLS and SSL at once, which Django refuses too.").format(source=source))
    security = Security.TLS if use_ssl else Security.STARTTLS if use_tls else Security.NONE
    password = str(options.get("password") or "")
    try:
        return Mailer(
            source=source,
            host=validation.host(str(options.get("host") or _USUAL_HOST)),
            port=validation.port(int(options.get("port") or _USUAL_PORT)),
            security=security,
            user=str(options.get("username") or ""),
            password=Secret(password) if password else None,
            timeout=float(options["timeout"]) if options.get("timeout") else None,
            certificate=str(options.get("ssl_certfile") or ""),
            key=str(options.get("ssl_keyfile") or ""),
        )
    except (TypeError, ValueError) as error:
        text = _("{source} names a server that cannot be: {error}")
        raise NotTaken(text.format(source=source, error=error)) from None


@sensitive_variables()
def _certificate(row: SmtpConnection, mailer: Mailer) -> Secret | None:
    """Put the client certificate into `row`, and return its key; None without one. Raises NotTaken."""
    if not mailer.certificate:
        return None
    paths = dict.fromkeys([mailer.certificate, mailer.key or mailer.certificate])
    try:
        text = "\n".join(Path(path).read_text("utf-8") for path in paths)
        row.client_certificate, key = pfx.read_pem(text, None)
    except OSError as error:
        raise NotTaken(f"{error.filename}: {error.strerror}.") from None
    except ValueError as error:
        raise NotTaken(f"{mailer.certificate}: {error}") from None
    row.client_certificate = row.client_certificate.strip()
    return key


def _sender() -> tuple[str, str]:
    """Return address and name of DEFAULT_FROM_EMAIL, empty ones where it is as Django has it by itself."""
    given = str(settings.DEFAULT_FROM_EMAIL)
    if given == global_settings.DEFAULT_FROM_EMAIL:
        return "", ""
    try:
        found = addresses.parse(given)
        return validation.address(found.spec), found.name
    except ValueError:
        return "", ""


def _port(row: SmtpConnection) -> int:
    return row.port or Security(row.security).default_port


def _free_name(wanted: str) -> str:
    """Return `wanted`, with a number where a connection has that name already."""
    taken = {name.lower() for name in SmtpConnection.objects.values_list("name", flat=True)}
    wanted = wanted[: _NAME_CHARS - 5]
    names = (wanted, *(f"{wanted} {number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name.lower() not in taken)
