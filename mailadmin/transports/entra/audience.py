"""For whom a token may be: it goes only to the host that its scope names (pure).

A credential that somebody typed is dropped as soon as a host of its integrated service changes. A managed identity and
a federated assertion were never typed, so whoever may edit a host could send their tokens anywhere: these rules are
what stops that.
"""

from __future__ import annotations

import re

from mailadmin.core.clouds import CLOUDS
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.settings import CredentialKind, EntraApp
from mailadmin.core.texts import _
from mailadmin.net.http import split_host

_RESOURCE = re.compile(r"https://([^\s/?#@\\]+)/\S*", re.IGNORECASE)
_NEVER_TYPED = (CredentialKind.MANAGED_IDENTITY, CredentialKind.FEDERATED)


def check_audience(app: EntraApp, scopes: tuple[str, ...], to: str = "") -> None:
    """Check that a token of `app` for `scopes` may be asked for, and be shown to the host `to` ("host:port", "" when
    it is shown to nobody).

    In a custom cloud each scope names the Graph host or a mail host; in Microsoft's own clouds it may name any
    resource. A token that no typed secret stands for goes to Microsoft's hosts, or to the very host of its scope.
    Raises MailError (TOKEN_AUDIENCE).
    """
    cloud = app.cloud
    custom = cloud.name not in CLOUDS  # its hosts are typed
    for scope in scopes:
        resource = _resource(scope)
        if custom and not any(_same(resource, host) for host in (cloud.graph_host, *cloud.mail_hosts)):
            raise _refused(
                _("The scope “{scope}” names neither the Graph host nor a mail host of {service}.").format(
                    scope=scope[:100], service=app.name
                ),
                resource,
            )
        allowed = (resource,) if custom else _own_hosts(cloud.name)
        if to and never_typed(app) and not any(_same(to, host) for host in allowed):
            raise _refused(
                _(
                    "A token for “{scope}” is not sent to {to}: the credential of {service} is one that nobody typed, "
                    "so its tokens go only to Microsoft's own hosts or to the host of the scope."
                ).format(scope=scope[:100], to=to, service=app.name),
                resource,
            )


def never_typed(app: EntraApp) -> bool:
    """Tell whether nobody had to know a secret to set up `app`."""
    return bool(app.credential and app.credential.kind in _NEVER_TYPED)


def _own_hosts(cloud: str) -> tuple[str, ...]:
    """Return the hosts that Microsoft runs for a cloud, without those that were added by hand."""
    known = CLOUDS[cloud]
    return (known.graph_host, *known.mail_hosts)


def _resource(scope: str) -> str:
    """Return the host, with its port if it has one, that `scope` asks a token for; "" when it names none."""
    found = _RESOURCE.fullmatch(scope)
    return found[1] if found else ""


def _same(one: str, other: str) -> bool:
    """Tell whether both are the same host; ports are compared where both name one."""
    if not one or not other:
        return False
    (name, port), (other_name, other_port) = _parts(one), _parts(other)
    return name == other_name and (port == other_port or None in (port, other_port))


def _parts(host: str) -> tuple[str, int | None]:
    name, port = split_host(host)
    return name.lower().removesuffix("."), port if re.search(r":\d+$", host) else None


def _refused(text: str, resource: str) -> MailError:
    return MailError(Fault(Phase.TOKEN, Kind.TOKEN_AUDIENCE, text, host=resource))
