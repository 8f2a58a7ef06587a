"""What can be wrong before a server says its first word: names, connections, proxies."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from functools import partial

import pytest

from mailadmin.core.settings import AddressFamily, Proxy, ProxyKind, SmtpRoute
from mailadmin.core.terms import Owner
from mailadmin.net.policy import NetworkPolicy
from mailadmin.probes.recorder import Recorder
from tests.fakes.graph_server import free_port
from tests.fakes.proxies import drips, says, waits
from tests.fakes.smtp_routes import smtp_route

from .row import NETWORK, NEXT, QUICK, YOU, Row, Stage
from .stages import IMPATIENT, MAIL, Names, deaf_port, hangs, proxied, resolver, smtp_ladder, through, unserved

_UNKNOWN = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
_AGAIN = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
_NO_ADDRESS = socket.gaierror(getattr(socket, "EAI_NODATA", socket.EAI_NONAME), "No address associated with hostname")
_SOCKS = {
    1: ("general failure", "proxy-target", True),
    2: ("its rules forbid it", "proxy-refused", False),
    3: ("the network cannot be reached", "proxy-target", True),
    4: ("the host cannot be reached", "proxy-target", True),
    5: ("the connection was refused", "proxy-target", True),
    6: ("the time to live is over", "proxy-target", True),
    7: ("it does not know the command", "proxy-answer", False),
    8: ("it does not know this kind of address", "proxy-answer", False),
}
# The beginning of a good answer, too long for the time that there is.
_GOOD_START = {
    ProxyKind.HTTP: b"HTTP/1.1 200 " + b"x" * 1000,
    ProxyKind.SOCKS5: b"\x05\x00\x00\x03\xff" + b"x" * 255,
}
_SILENT = {
    ProxyKind.HTTP: ("proxy", "proxy-unreachable", True),
    ProxyKind.SOCKS5: ("tunnel", "proxy-target", True),
}
_DRIPPING = _SILENT | {ProxyKind.HTTP: ("proxy", "proxy-answer", False)}
_HTTP = {
    "407 Proxy Authentication Required": ("proxy-sign-in", False),
    "403 Forbidden": ("proxy-refused", False),
    "502 Bad Gateway": ("proxy-target", True),
    "503 Service Unavailable": ("proxy-target", True),
    "504 Gateway Timeout": ("proxy-target", True),
}


def _route(port: int = 587, host: str = MAIL, **changes: object) -> SmtpRoute:
    return smtp_route(port, host=host, **changes)


def names() -> Iterator[Row]:
    """Yield what the name system may say."""

    def fails(what: str, entry: str, owner: Owner, found: Names, *, retry: bool = False, **changes: object) -> Row:
        stage = unserved(lambda: _route(**changes), found)  # type: ignore[arg-type]  # fields of a route
        return Row(what, "", "dns", entry, owner, NEXT, stage, retry)

    yield fails("The name does not exist (NXDOMAIN)", "dns-not-found", YOU, {MAIL: _UNKNOWN})
    yield fails("The name has no address", "dns-not-found", YOU, {MAIL: _NO_ADDRESS})
    yield fails("What was typed is no host name", "dns-not-found", YOU, {}, host="mail..example.org")
    what = "The name has an IPv4 address, and IPv6 is wanted"
    yield fails(what, "dns-no-family", YOU, {MAIL: _NO_ADDRESS}, family=AddressFamily.IPV6)
    yield fails("The resolver fails (SERVFAIL)", "dns-failed", NETWORK, {MAIL: _AGAIN}, retry=True)
    stage = unserved(lambda: _route(timeouts=IMPATIENT), {MAIL: hangs})
    yield Row("The resolver says nothing", "", "dns", "dns-failed", NETWORK, NEXT, stage, True, seconds=QUICK)
    for address, kind in (("169.254.169.254", "a cloud's metadata"), ("224.0.0.1", "a multicast group")):
        yield fails(f"The name leads to {kind}", "address-refused", YOU, {MAIL: address})
    stage = unserved(lambda: _route(2525), {MAIL: "127.0.0.1"}, NetworkPolicy(ports=(25, 465, 587)))
    yield Row("The deployment closes this port", "", "dns", "port-refused", YOU, NEXT, stage)


def connections() -> Iterator[Row]:
    """Yield how a connection may fail to come about."""
    refused = unserved(lambda: _route(free_port()), {MAIL: "127.0.0.1"})
    yield Row("Nothing listens on the port", "", "tcp", "tcp-refused", YOU, NEXT, refused, True)
    yield Row("A firewall drops the request", "", "tcp", "tcp-timeout", NETWORK, NEXT, _deaf, True, seconds=QUICK)
    for code, what, entry in (
        (errno.ENETUNREACH, "There is no route to the network", "tcp-unreachable"),
        (errno.EHOSTUNREACH, "There is no route to the host", "tcp-unreachable"),
        (errno.EADDRNOTAVAIL, "No local address is left", "tcp-local"),
        (errno.EMFILE, "Too many files are open", "tcp-local"),
    ):
        yield Row(what, "", "tcp", entry, NETWORK, NEXT, _operating_system_says(code), True)


def proxies() -> Iterator[Row]:
    """Yield what may go wrong on the two legs through a proxy."""
    for kind, word in ((ProxyKind.HTTP, "HTTP"), (ProxyKind.SOCKS5, "SOCKS5")):
        nobody = through(partial(_nobody, kind))
        unknown = through(partial(Proxy, kind, "proxy.example", 3128), {"proxy.example": _UNKNOWN})
        for what, stage in (("nothing listens there", nobody), ("its name does not exist", unknown)):
            yield Row(f"{word} proxy: {what}", "", "proxy", "proxy-unreachable", NETWORK, NEXT, stage, True)
        silent = proxied(kind, waits, patient=False)
        dripping = proxied(kind, drips(_GOOD_START[kind], 0.05), patient=False)
        # An HTTP proxy has no word before it has reached the server; a SOCKS5 proxy has talked with us already.
        for what, stage, (step, entry, retry) in (
            ("it says nothing", silent, _SILENT[kind]),
            ("its answer drips", dripping, _DRIPPING[kind]),
        ):
            yield Row(f"{word} proxy: {what}", "", step, entry, NETWORK, NEXT, stage, retry, seconds=QUICK)
        stage = proxied(kind, says(b"220 mail.example.org ESMTP\r\n"))
        yield Row(f"{word} proxy: a mail server in its place", "", "proxy", "proxy-answer", NETWORK, NEXT, stage)
    yield Row(
        "SOCKS5 proxy: it wants a sign-in",
        "",
        "proxy",
        "proxy-sign-in",
        NETWORK,
        NEXT,
        proxied(ProxyKind.SOCKS5, sign_in=True),
    )
    for status, (entry, retry) in _HTTP.items():
        stage = proxied(ProxyKind.HTTP, says(f"HTTP/1.1 {status}\r\n\r\n".encode()))
        step = "proxy" if entry == "proxy-sign-in" else "tunnel"
        yield Row(f"HTTP proxy: {status}", "", step, entry, NETWORK, NEXT, stage, retry)
    for code, (what, entry, retry) in _SOCKS.items():
        stage = proxied(ProxyKind.SOCKS5, says(bytes((5, code, 0, 1, 0, 0, 0, 0, 0, 0))))
        step = "proxy" if entry == "proxy-answer" else "tunnel"
        yield Row(f"SOCKS5 proxy: {what} (code {code})", "", step, entry, NETWORK, NEXT, stage, retry)


def _nobody(kind: ProxyKind) -> Proxy:
    return Proxy(kind, "127.0.0.1", free_port())


def _deaf() -> Recorder:
    with deaf_port() as port, resolver({MAIL: "127.0.0.1"}):
        return smtp_ladder(_route(port, timeouts=IMPATIENT))


def _operating_system_says(code: int) -> Stage:
    """Return the stage on which every attempt to connect ends with this error of the operating system."""

    def play() -> Recorder:
        with pytest.MonkeyPatch.context() as patch, resolver({MAIL: "127.0.0.1"}):
            patch.setattr(socket.socket, "connect", _raise_error(code), raising=False)
            return smtp_ladder(_route())

    return play


def _raise_error(code: int) -> object:
    def connect(sock: socket.socket, address: object) -> None:
        raise OSError(code, os.strerror(code))

    return connect
