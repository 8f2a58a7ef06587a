"""What the list of providers knows of the server that a connection names, as far as fixes need it."""

from __future__ import annotations

from dataclasses import dataclass

from mailadmin.core.providers import Server, of_domain, of_host, providers

from .names import likeliest


@dataclass(frozen=True)
class Near:
    """A provider's server that was perhaps meant, and the provider's name."""

    server: Server
    provider: str


def servers_of(host: str) -> list[Server]:
    """Return the ways to reach `host` that its provider names, the best first."""
    provider = of_host(host)
    return [server for server in provider.servers if server.host == host.lower()] if provider else []


def near(host: str, user: str) -> list[Near]:
    """Return the server for whose name `host` is a slip of the pen, else that of the provider of the account `user`."""
    known = {server.host: Near(server, each.name) for each in providers() for server in reversed(each.servers)}
    if meant := likeliest(host, known):
        return [known[meant]]
    provider = of_domain(user.rpartition("@")[2]) if "@" in user else None
    return [Near(provider.servers[0], provider.name)] if provider and provider.by_smtp and provider.servers else []


def wants_address(host: str) -> bool:
    """Tell whether the provider of `host` knows accounts by their full address."""
    provider = of_host(host)
    return provider is not None and provider.user == "{address}"


def fixed_user(host: str) -> str:
    """Return the word that every user of this provider signs in as, "" where there is none."""
    provider = of_host(host)
    return provider.user if provider and "{" not in provider.user else ""


def password_rule(host: str) -> str:
    """Return in sentences what the provider takes as user name and password, "" when nobody knows, or when it takes
    none at all."""
    provider = of_host(host)
    return provider.sign_in if provider and provider.by_smtp else ""


def sender_rule(host: str) -> str:
    """Return the provider's rule for From, "" when nobody knows."""
    provider = of_host(host)
    return provider.sender_rule if provider else ""
