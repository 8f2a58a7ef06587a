"""Facts of this installation that the console shows and the server's settings decide."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import django
from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

import mailadmin
from mailadmin import conf
from mailadmin.delivery import guard

BACKEND = "mailadmin.backends.EmailBackend"


@dataclass(frozen=True)
class Fact:
    """One line: what it is, its value, and how good that is ("ok", "warning", "failed", or "" for neither)."""

    title: str
    value: str
    state: str = ""
    help: str = ""


def facts() -> list[Fact]:
    """Return what an administrator wants to know of this installation."""
    return [
        Fact("mailadmin", mailadmin.__version__),
        Fact(_("Django and Python"), f"{django.get_version()} · {sys.version.split()[0]}"),
        Fact(_("Database"), connection.vendor),
        _key(),
        _backend(),
        _delivery(),
        _environment(),
        _network(),
        Fact(_("Secrets outside the database"), ", ".join(conf.setting("SECRET_REFS")) or _("not allowed")),
        Fact(_("Sandbox"), _("allowed") if conf.setting("SANDBOX") else _("not allowed")),
    ]


def backend_aliases() -> list[str]:
    """Return the names of the mailers that send through this console; "EMAIL_BACKEND" for the older setting."""
    mailers = getattr(settings, "MAILERS", None)
    if mailers is None:
        return ["EMAIL_BACKEND"] if settings.EMAIL_BACKEND == BACKEND else []
    return [alias for alias, entry in mailers.items() if entry.get("BACKEND") == BACKEND]


def _key() -> Fact:
    try:
        ring = conf.key_ring()
    except conf.ConfigurationError as error:
        return Fact(_("Encryption key"), _("missing"), "failed", str(error))
    return Fact(_("Encryption key"), _("present ({key})").format(key=ring.current), "ok")


def _backend() -> Fact:
    aliases = backend_aliases()
    if aliases:
        return Fact(_("E-mail backend of this project"), _("active: {names}").format(names=", ".join(aliases)), "ok")
    text = _(
        "send_mail() of this project does not go through the console. Name {backend} in MAILERS (Django 6.1) or "
        "EMAIL_BACKEND (Django 5.2)."
    )
    return Fact(_("E-mail backend of this project"), _("not active"), "warning", text.format(backend=BACKEND))


def _delivery() -> Fact:
    queued = conf.setting("DELIVERY") == "queued"
    value = _("queued: a worker sends") if queued else _("direct: whoever sends a message waits")
    return Fact(_("Delivery"), value, help=_("A mailer or a message may say otherwise."))


def _environment() -> Fact:
    """Return by what a copied or restored database is noticed."""
    name = conf.environment() or _("without a name")
    here = guard.place()
    if here.guarded:
        return Fact(_("Environment"), name, "ok", _("A copied or restored database is noticed, and sends nothing."))
    if conf.environment():
        return Fact(
            _("Environment"), name, help=_("A database that is copied to another environment is noticed by its name.")
        )
    text = _('Nothing notices a copied database. Name the environment in MAILADMIN["ENVIRONMENT"].')
    return Fact(_("Environment"), name, "warning", text)


def _network() -> Fact:
    policy = conf.network_policy()
    ports = ", ".join(map(str, policy.ports))
    parts = [
        _("private addresses allowed") if policy.allow_private else _("private addresses refused"),
        _("this machine allowed") if policy.allow_loopback else _("this machine refused"),
        _("ports {ports}").format(ports=ports) if ports else _("ports any"),
    ]
    return Fact(_("Network"), "; ".join(parts))
