"""The report of a test to copy or download, with or without host names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from django.utils.translation import gettext as _

from mailadmin import testruns
from mailadmin.core.placeholders import Placeholders
from mailadmin.core.providers import providers
from mailadmin.core.report import Step
from mailadmin.core.texts import N_
from mailadmin.models import ConnectionTest

WITHOUT_NAMES = N_(
    "Host names, addresses and user names are replaced: the same name is the same placeholder throughout."
)
# Which settings name a host, a person or an account, by what they are called in the values of a test, which are kept in
# the language of the code.
_HOSTS = ("Host", "Proxy host", "Trusted hosts", "Sign-in host", "Graph host", "Mail hosts", "Tenant", "Domain")
_USERS = ("User name", "Proxy user name", "From display name")


def report_of(test: ConnectionTest, steps: Sequence[Step], hosts: bool = True) -> str:
    """Return the report as plain text; with `hosts` False every name of a host, a user and an account in it is a
    placeholder. It holds no secret, as the steps hold none."""
    text = testruns.report(test, list(steps))
    if hosts:
        return text
    names = placeholders([test.values], [test.asked_by_name])
    return f"{names.apply(text)}\n\n{_(WITHOUT_NAMES)}"


def placeholders(
    values: Iterable[Mapping[str, str]], people: Iterable[str] = (), machines: Iterable[str] = ()
) -> Placeholders:
    """Return what replaces the names that the settings `values` (as a test keeps them) hold, those of `people` and of
    our own `machines`. The servers that a provider has for everybody stay."""
    known = list(values)
    hosts = {host for each in known for label in _labels(_HOSTS) for host in each.get(label, "").split(", ")}
    users = {each.get(label, "") for each in known for label in _labels(_USERS)}
    public = (server.host for provider in providers() for server in provider.servers)
    return Placeholders(hosts.union(machines) - {""}, users.union(people) - {""}, public)


def _labels(names: Iterable[str]) -> list[str]:
    """Return `names` and how they are called for an integrated service."""
    return [label for name in names for label in (name, f"{name} of the integrated service")]
