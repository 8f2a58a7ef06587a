"""What the process's environment says about HTTP: a proxy (HTTPS_PROXY, ALL_PROXY, NO_PROXY) and a CA
bundle (REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE). Read on purpose and shown, never taken silently.

SSL_CERT_FILE and SSL_CERT_DIR are honoured by OpenSSL itself.
"""

from __future__ import annotations

import base64
import ipaddress
import os
import re
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment

from requests.utils import should_bypass_proxies

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.redact import clean
from mailadmin.core.secret import Secret

from .dialler import dial
from .policy import NetworkPolicy

_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})[^\r\n]*")


@dataclass(frozen=True)
class Proxy:
    """An HTTP proxy that opens tunnels (CONNECT). `login` is "user:password" when the URL holds one."""

    host: str
    port: int
    login: Secret | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def proxy_for(host: str, port: int = 443) -> Proxy | None:
    """Return the proxy that the environment names for https to `host`, None when it is reached directly.

    This machine itself is never reached by a proxy. Raises MailError when the proxy's URL cannot be used.
    """
    named = getproxies_environment()
    url = named.get("https") or named.get("all") or ""
    shown = f"[{host}]" if ":" in host else host
    if not url or _is_loopback(host) or should_bypass_proxies(f"https://{shown}:{port}/", named.get("no")):
        return None
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        name, proxy_port = parts.hostname or "", parts.port or 80
    except ValueError:
        name, proxy_port = "", 0
    if parts.scheme != "http" or not name:
        text = "HTTPS_PROXY must name an HTTP proxy, such as http://proxy.example.org:3128."
        raise MailError(Fault(Phase.SETTINGS, Kind.ROUTE_INCOMPLETE, text, host=host, port=port))
    login = None
    if parts.username:
        login = Secret(f"{unquote(parts.username)}:{unquote(parts.password or '')}")
    return Proxy(name, proxy_port, login)


def open_tunnel(proxy: Proxy, host: str, port: int, seconds: float) -> socket.socket:
    """Return a socket that reaches `host` through `proxy` by CONNECT (RFC 9110 section 9.3.6).

    The proxy was chosen by whoever runs this process, so private addresses are open for it. Raises
    MailError with phase DNS or TCP whose text names the proxy.
    """
    deadline = time.monotonic() + seconds
    sock = dial(proxy.host, proxy.port, NetworkPolicy(), seconds)
    try:
        _ask_for_tunnel(sock, proxy, host, port)
        answer = _read_head(sock, deadline)
    except OSError:
        answer = b""
    status = _STATUS.match(answer)
    if status and status[1].startswith(b"2"):
        return sock
    sock.close()
    said = f"said: {clean(status[0])}" if status else "opened no connection."
    text = f"The proxy {proxy} {said}"
    raise MailError(Fault(Phase.TCP, Kind.TCP_UNREACHABLE, text, host=host, port=port))


def environment_ca() -> str:
    """Return the certificates (PEM) that the environment adds to the trusted ones, or an empty string.

    Raises MailError that names the variable when they cannot be read.
    """
    for variable in _CA_VARIABLES:
        if value := os.environ.get(variable):
            path = Path(value)
            try:
                files = sorted(path.glob("*.pem")) if path.is_dir() else [path]
                return "\n".join(file.read_text("utf-8", "replace") for file in files)
            except OSError:
                text = f"The CA bundle that the environment names in {variable} cannot be read."
                raise MailError(Fault(Phase.SETTINGS, Kind.ROUTE_INCOMPLETE, text)) from None
    return ""


def _ask_for_tunnel(sock: socket.socket, proxy: Proxy, host: str, port: int) -> None:
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.login:
        lines.append("Proxy-Authorization: Basic " + base64.b64encode(proxy.login.reveal().encode()).decode())
    sock.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))


def _read_head(sock: socket.socket, deadline: float) -> bytes:
    """Return the proxy's answer up to its empty line, and not one byte of what follows."""
    head = b""
    while not head.endswith(b"\r\n\r\n") and len(head) < limits.PROXY_ANSWER_BYTES:
        sock.settimeout(max(deadline - time.monotonic(), 0.001))
        byte = sock.recv(1)
        if not byte:
            break
        head += byte
    return head


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().removesuffix(".") == "localhost"
