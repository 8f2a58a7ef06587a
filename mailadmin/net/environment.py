"""What the process's environment says about HTTP: a proxy (HTTPS_PROXY, ALL_PROXY, NO_PROXY) and a CA
bundle (REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE). Read on purpose and shown, never taken silently.

SSL_CERT_FILE and SSL_CERT_DIR are honoured by OpenSSL itself.
"""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment

from requests.utils import should_bypass_proxies

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import Proxy, ProxyKind
from mailadmin.core.texts import _

_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
# A proxy always resolves the name here, whether socks5 or socks5h.
_SCHEMES = {
    "http": (ProxyKind.HTTP, 80),
    "socks5": (ProxyKind.SOCKS5, 1080),
    "socks5h": (ProxyKind.SOCKS5, 1080),
}


def proxy_for(host: str, port: int = 443) -> Proxy | None:
    """Return the proxy that the environment names for https to `host`, None when it is reached directly.

    This machine itself is never reached by a proxy. Raises MailError when the proxy's URL cannot be used.
    """
    url = _url_for(host, port)
    if not url:
        return None
    proxy = _parsed(url)
    del url  # it may hold a password
    if proxy is None:
        text = _("HTTPS_PROXY must name an HTTP or SOCKS5 proxy, such as http://proxy.example.org:3128.")
        raise MailError(Fault(Phase.SETTINGS, Kind.ROUTE_INCOMPLETE, text, host=host, port=port, field="environment"))
    return proxy


def _url_for(host: str, port: int) -> str:
    """Return the URL of the proxy for `host`, "" when there is none for it."""
    named = getproxies_environment()
    shown = f"[{host}]" if ":" in host else host
    if _is_loopback(host) or should_bypass_proxies(f"https://{shown}:{port}/", named.get("no")):
        return ""
    return named.get("https") or named.get("all") or ""


def _parsed(url: str) -> Proxy | None:
    """Return the proxy that `url` names, None when we speak none of its kind."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        kind, default_port = _SCHEMES[parts.scheme]
        port = parts.port or default_port
    except (ValueError, KeyError):
        return None
    password = Secret(unquote(parts.password)) if parts.password else None
    return Proxy(kind, parts.hostname, port, unquote(parts.username or ""), password) if parts.hostname else None


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
                text = _("The CA bundle that the environment names in {variable} cannot be read.").format(
                    variable=variable
                )
                raise MailError(Fault(Phase.SETTINGS, Kind.ROUTE_INCOMPLETE, text, field="environment")) from None
    return ""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().removesuffix(".") == "localhost"
