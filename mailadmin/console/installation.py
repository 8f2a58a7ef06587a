"""Facts of this installation that the console shows and the server's settings decide."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import django
from django.conf import settings
from django.db import connection

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
        Fact("Django and Python", f"{django.get_version()} · {sys.version.split()[0]}"),
        Fact("Database", connection.vendor),
        _key(),
        _backend(),
        _delivery(),
        _environment(),
        _network(),
        Fact("Secrets outside the database", ", ".join(conf.setting("SECRET_REFS")) or "not allowed"),
        Fact("Sandbox", "allowed" if conf.setting("SANDBOX") else "not allowed"),
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
        return Fact("Encryption key", "missing", "failed", str(error))
    return Fact("Encryption key", f"present ({ring.current})", "ok")


def _backend() -> Fact:
    aliases = backend_aliases()
    if aliases:
        return Fact("E-mail backend of this project", f"active: {', '.join(aliases)}", "ok")
    return Fact(
        "E-mail backend of this project",
        "not active",
        "warning",
        f"send_mail() of this project does not go through the console. Name {BACKEND} in MAILERS (Django 6.1) or "
        "EMAIL_BACKEND (Django 5.2).",
    )


def _delivery() -> Fact:
    queued = conf.setting("DELIVERY") == "queued"
    value = "queued: a worker sends" if queued else "direct: whoever sends a message waits"
    return Fact("Delivery", value, help="A mailer or a message may say otherwise.")


def _environment() -> Fact:
    """Return by what a copied or restored database is noticed."""
    name = conf.environment() or "without a name"
    here = guard.place()
    if here.guarded:
        return Fact("Environment", name, "ok", "A copied or restored database is noticed, and sends nothing.")
    if conf.environment():
        return Fact(
            "Environment", name, help="A database that is copied to another environment is noticed by its name."
        )
    text = 'Nothing notices a copied database. Name the environment in MAILADMIN["ENVIRONMENT"].'
    return Fact("Environment", name, "warning", text)


def _network() -> Fact:
    policy = conf.network_policy()
    parts = [
        f"private addresses {'allowed' if policy.allow_private else 'refused'}",
        f"this machine {'allowed' if policy.allow_loopback else 'refused'}",
        f"ports {', '.join(map(str, policy.ports)) or 'any'}",
    ]
    return Fact("Network", "; ".join(parts))
