"""What is known of mail providers: their servers and the rules of each, and telling one by a host or a domain (pure).

The entries are data, in `providers.toml` beside this file, whose head explains each column.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import Any

from .settings import Security
from .texts import gettext

_SERVER = re.compile(r"(?P<host>\S+):(?P<port>\d+) (?P<security>tls|starttls)(?: (?P<label>.+))?")


_TEXTS = ("name", "sign_in", "notes")  # columns that are translated


class ProviderKind(StrEnum):
    """What people have there: mailboxes, or a service that sends for applications."""

    MAILBOX = "mailbox"
    SENDING = "sending"


class ProviderAuth(StrEnum):
    """What a provider takes as the password."""

    PASSWORD = "password"  # noqa: S105 -- the name of a method
    APP_PASSWORD = "app-password"  # noqa: S105 -- likewise
    KEY = "key"
    OAUTH = "oauth"

    @property
    def label(self) -> str:
        """Return it in a few words."""
        return {
            ProviderAuth.PASSWORD: gettext("password of the mailbox"),
            ProviderAuth.APP_PASSWORD: gettext("app password"),
            ProviderAuth.KEY: gettext("key or token"),
            ProviderAuth.OAUTH: gettext("OAuth only"),
        }[self]


@dataclass(frozen=True)
class Server:
    """One submission server; `english_label` tells it from others between which a person has to choose."""

    host: str
    port: int
    security: Security
    english_label: str = ""

    @property
    def label(self) -> str:
        """Return what tells it from others, in the language of whoever asks."""
        return gettext(self.english_label)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Provider:
    """One provider. `domains`, `mx` and `hosts` are patterns; `user` is the user name, with "{address}" for the full
    address, "" where it differs from account to account. Texts are translated when they are asked for."""

    id: str
    english_name: str
    kind: ProviderKind
    servers: tuple[Server, ...]
    auth: ProviderAuth
    english_sign_in: str
    hosts: tuple[str, ...]
    domains: tuple[str, ...] = ()
    mx: tuple[str, ...] = ()
    graph: bool = False
    user: str = ""
    english_notes: tuple[str, ...] = ()
    spf: tuple[str, ...] = ()
    dkim: tuple[str, ...] = ()
    help: str = ""

    @property
    def name(self) -> str:
        """Return it as people know it."""
        return gettext(self.english_name)

    @property
    def sign_in(self) -> str:
        """Return in one or two sentences what user name and password are."""
        return gettext(self.english_sign_in)

    @property
    def notes(self) -> tuple[str, ...]:
        """Return further rules in sentences: senders, limits, what has to be switched on."""
        return tuple(map(gettext, self.english_notes))

    @property
    def sender_rule(self) -> str:
        """Return the rule for From among the notes, "" without one."""
        return next((gettext(note) for note in self.english_notes if note.startswith("From ")), "")

    @property
    def dkim_selectors(self) -> tuple[str, ...]:
        """Return the usual selectors of its DKIM keys."""
        return self.dkim

    @property
    def by_smtp(self) -> bool:
        """Tell whether an SMTP connection with a user name and a password can send there."""
        return self.auth is not ProviderAuth.OAUTH

    def user_for(self, address: str) -> str:
        """Return the user name of the account with this `address` ("" when there is none yet)."""
        return self.user.replace("{address}", address)


@cache
def providers() -> tuple[Provider, ...]:
    """Return all providers, mailboxes first. Raises ValueError when the data is damaged."""
    text = resources.files(__package__).joinpath("providers.toml").read_text("utf-8")
    return tuple(_read(entry) for entry in tomllib.loads(text)["provider"])


def named(name: str) -> Provider | None:
    """Return the provider with this id."""
    return next((provider for provider in providers() if provider.id == name), None)


def of_host(host: str) -> Provider | None:
    """Return whose submission server `host` is."""
    return _best(host, [(provider, provider.hosts) for provider in providers()])


def of_domain(domain: str) -> Provider | None:
    """Return whose addresses end in `domain`, whoever has them."""
    return _best(domain, [(provider, provider.domains) for provider in providers()])


def of_mx(host: str) -> Provider | None:
    """Return who takes the mail of a domain with `host` in its MX records."""
    return _best(host, [(provider, provider.mx) for provider in providers()])


def of_spf(includes: Iterable[str]) -> tuple[Provider, ...]:
    """Return whom an SPF record with these targets of "include" or "redirect" lets send."""
    wanted = {_bare(name) for name in includes}
    return tuple(provider for provider in providers() if wanted.intersection(provider.spf))


def _best(name: str, patterns: Iterable[tuple[Provider, tuple[str, ...]]]) -> Provider | None:
    """Return the provider with the longest pattern that fits: it says most."""
    bare = _bare(name)
    fits = [(len(one), provider) for provider, many in patterns for one in many if fnmatchcase(bare, one)]
    return max(fits, key=lambda found: found[0])[1] if fits else None


def _bare(name: str) -> str:
    return name.strip().rstrip(".").lower()


def _read(entry: dict[str, Any]) -> Provider:
    """Return an entry of the file as a value. Raises TypeError or ValueError for what it cannot be."""
    lists = {name: tuple(value) for name, value in entry.items() if isinstance(value, list) and name != "servers"}
    kinds = {"kind": ProviderKind(entry["kind"]), "auth": ProviderAuth(entry["auth"])}
    values = {**entry, **lists, **kinds, "servers": tuple(map(_server, entry["servers"]))}
    return Provider(**{f"english_{name}" if name in _TEXTS else name: value for name, value in values.items()})


def _server(text: str) -> Server:
    found = _SERVER.fullmatch(text)
    if not found:
        raise ValueError(f"“{text}” is not a server, such as “smtp.example.org:587 starttls Europe”.")
    return Server(found["host"], int(found["port"]), Security(found["security"]), found["label"] or "")
