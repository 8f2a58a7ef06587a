"""Fixes of how an SMTP server is reached: host, port, security, addresses. None of them gives up encryption or the
check of the server's identity."""

from __future__ import annotations

from collections.abc import Iterator

from mailadmin.core import limits, validation
from mailadmin.core.fault import Fault, Kind
from mailadmin.core.settings import AddressFamily, Security, SmtpRoute, TlsVersion
from mailadmin.core.texts import N_, _

from .fix import Fix, Rule, codes
from .names import same_domain
from .presets import near, servers_of

# What every provider offers to applications (RFC 6409, RFC 8314), the usual one first.
_USUAL = ((limits.SMTP_PORT_STARTTLS, Security.STARTTLS), (limits.SMTP_PORT_TLS, Security.TLS))
_WORDS = {Security.STARTTLS: N_("STARTTLS"), Security.TLS: N_("TLS from the start")}


def encrypt_from_the_start(fault: Fault, route: SmtpRoute) -> Iterator[Fix]:
    """The server waits for TLS where we spoke plain text."""
    port = route.effective_port
    if route.security is not Security.TLS:
        yield _way(
            port,
            Security.TLS,
            _("{host} speaks TLS from the first byte on port {port}.").format(host=route.host, port=port),
        )
    yield from _other_ways(
        route, _("On port {port} {host} does not speak as it is set up here.").format(port=port, host=route.host)
    )


def begin_in_plain_text(fault: Fault, route: SmtpRoute) -> Iterator[Fix]:
    """The server greets in plain text where we began TLS."""
    port = route.effective_port
    why = _("{host} greets in plain text on port {port} and encrypts afterwards, by STARTTLS.").format(
        host=route.host, port=port
    )
    if route.security is Security.TLS:
        yield _way(port, Security.STARTTLS, why)
    yield from _other_ways(
        route, _("Only if {port} is a slip: this is a usual port for applications.").format(port=port)
    )


def way_of_the_port(fault: Fault, route: SmtpRoute) -> Iterator[Fix]:
    """Port and security do not go together as they usually do, and the line says nothing or breaks."""
    port = route.effective_port
    usual = dict(_USUAL).get(port)
    if usual and usual is not route.security:
        yield _way(port, usual, _("Port {port} is the one for {words}.").format(port=port, words=_(_WORDS[usual])))
    yield from _other_ways(route, _("On port {port} no encrypted connection came about.").format(port=port))


def other_port(fault: Fault, route: SmtpRoute) -> Iterator[Fix]:
    """Nothing useful answers on this port: it is another one, or a firewall or provider blocks it."""
    port = route.effective_port
    why = _("Mail servers take messages of applications on other ports than {port}.").format(port=port)
    if port == limits.SMTP_PORT_PLAIN:
        why = _("Many networks block port 25, which is for mail between servers; applications use another one.")
    yield from _other_ways(route, why)


def usual_port(fault: Fault, route: SmtpRoute) -> Iterator[Fix]:
    """The port is none at all."""
    yield Fix(_("Use the usual port"), _("It goes with the security that was chosen."), {"port": ""})


def demand_encryption(fault: Fault, route: SmtpRoute) -> Iterator[Fix]:
    """The server, or our own care for the password, asks for encryption."""
    if route.security in (Security.NONE, Security.STARTTLS_IF_OFFERED):
        why = _("Then the connection is encrypted before anything of value leaves, or nothing leaves.")
        yield _way(route.effective_port, Security.STARTTLS, why)
        yield from _other_ways(route, _("Encryption is offered on another port as a rule."))


def host_that_exists(fault: Fault, route: SmtpRoute) -> Iterator[Fix]:
    """The name is a slip of the pen for a provider's server, or the account is one of a provider's."""
    for meant in near(route.host, route.user):
        why = _("“{host}” does not exist; {server} is the server of {provider}.").format(
            host=route.host, server=meant.server.host, provider=meant.provider
        )
        yield _at(meant.server.host, meant.server.port, meant.server.security, why)


def name_of_the_certificate(fault: Fault, route: SmtpRoute) -> Iterator[Fix]:
    """The certificate is for a sister of the host. A name of another domain is never proposed: whoever redirected the
    connection could have put it there."""
    ours = [route.host, *(text.rpartition("@")[2] for text in (route.user, route.sender.address) if "@" in text)]
    for name in fault.names:
        if not _is_host(name) or name.lower() == route.host.lower():
            continue
        if any(same_domain(name, known) for known in ours):
            why = _(
                "The certificate of the server that answers is for {name}, in a domain that you use already."
            ).format(name=name)
            yield Fix(_("Use {name} as the host").format(name=name), why, {"host": name})
            return


def any_address(fault: Fault, route: SmtpRoute) -> Iterator[Fix]:
    """The host has addresses of the other family only."""
    why = _("{host} has no address of the one kind that is allowed here.").format(host=route.host)
    yield Fix(_("Use IPv6 and IPv4"), why, {"family": AddressFamily.RACE})


def accept_tls_1_2(fault: Fault, route: SmtpRoute) -> Iterator[Fix]:
    """TLS 1.3 was demanded; 1.2 is what RFC 9325 still recommends."""
    if route.tls.minimum is TlsVersion.TLS_1_3:
        why = _(
            "TLS 1.3 is demanded here, and the server may have none. TLS 1.2 is still sound; older ones stay refused."
        )
        yield Fix(_("Accept TLS 1.2 as well"), why, {"tls_minimum": TlsVersion.TLS_1_2})


def _other_ways(route: SmtpRoute, why: str) -> Iterator[Fix]:
    """Yield the ways of the provider, else the usual ones, but on the port that was tried."""
    ways = [(server.port, server.security) for server in servers_of(route.host)]
    for port, security in ways or _USUAL:
        if port != route.effective_port and security in _WORDS:
            yield _way(port, security, why)


def _way(port: int, security: Security, why: str) -> Fix:
    return Fix(
        _("Use port {port} with {words}").format(port=port, words=_(_WORDS[security])),
        why,
        {"security": security, "port": str(port)},
    )


def _at(host: str, port: int, security: Security, why: str) -> Fix:
    values = {"host": host, "security": security, "port": str(port)}
    return Fix(
        _("Use {host}, port {port} with {words}").format(host=host, port=port, words=_(_WORDS[security])), why, values
    )


def _is_host(name: str) -> bool:
    try:
        return validation.host(name) == name and not validation.is_ip(name) and "." in name
    except ValueError:
        return False


CONNECTION: tuple[Rule[SmtpRoute], ...] = (
    Rule(encrypt_from_the_start, kinds=frozenset({Kind.TLS_EXPECTED})),
    Rule(begin_in_plain_text, kinds=frozenset({Kind.PLAIN_EXPECTED})),
    Rule(
        way_of_the_port,
        codes=codes("greeting-silent greeting-closed starttls-reply tls-broken"),
        kinds=frozenset({Kind.STARTTLS_MISSING, Kind.STARTTLS_REFUSED}),
    ),
    Rule(
        other_port,
        codes=codes("greeting-listed port-refused"),
        kinds=frozenset({Kind.TCP_TIMEOUT, Kind.TCP_REFUSED, Kind.NOT_SMTP, Kind.PROXY_TARGET, Kind.PROXY_REFUSED}),
    ),
    Rule(usual_port, codes=codes("port-out-of-range")),
    Rule(
        demand_encryption,
        codes=codes("clear-text-refused auth-needs-tls sender-needs-tls client-certificate-needs-tls"),
    ),
    Rule(host_that_exists, kinds=frozenset({Kind.DNS_NOT_FOUND})),
    Rule(name_of_the_certificate, kinds=frozenset({Kind.CERT_WRONG_NAME})),
    Rule(any_address, codes=codes("dns-no-family")),
    Rule(accept_tls_1_2, kinds=frozenset({Kind.TLS_TOO_OLD})),
)
