"""What a person may type into each field: every check raises ValueError with its own sentence.

Forms, the API and settings files all use these, so that they agree.
"""

from __future__ import annotations

import ipaddress
import re
import uuid
from urllib.parse import SplitResult, urlsplit

from . import limits
from .addresses import AddressError, ascii_domain, parse, parse_list, show
from .pem import certificates as certificates
from .pem import client_certificate as client_certificate
from .pem import client_key as client_key
from .texts import _

_NAME = re.compile(
    r"(?=.{1,253}$)([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.?"
)
_SCOPE = re.compile(r"(https|api)://[^\s/]+(/[^\s]*)?/\.default")


def host(text: str) -> str:
    """Return a host name or IP address, trimmed. Raises ValueError."""
    text = text.strip()
    if not text:
        raise ValueError(_("Type the name or IP address of the server."))
    if "://" in text:
        rest = text.split("://", 1)[1].split("/")[0]
        alone = show(rest) if _NAME.fullmatch(rest) else "smtp.example.org"
        raise ValueError(
            _("“{text}” starts with a scheme; type the host alone, such as {alone}.").format(
                text=show(text), alone=alone
            )
        )
    if re.search(r"\s", text):
        raise ValueError(_("“{text}” holds a space; a host name has none.").format(text=show(text)))
    if "/" in text or "@" in text:
        raise ValueError(
            _("“{text}” is more than a host; type the name alone, such as smtp.example.org.").format(text=show(text))
        )
    bare = text.strip("[]")
    if is_ip(bare):
        return bare
    if re.fullmatch(r"[^:]+:\d+", text):
        raise ValueError(_("“{text}” holds a port; type it into the field Port.").format(text=show(text)))
    try:
        name = ascii_domain(text.removesuffix("."))
    except AddressError:
        name = ""
    if not _NAME.fullmatch(name) or name.rpartition(".")[2].isdigit():  # a mistyped address (RFC 3696 section 2)
        raise ValueError(
            _("“{text}” is not a host name or IP address, such as smtp.example.org or 192.0.2.10.").format(
                text=show(text)
            )
        )
    return text


def this_machine(host: str) -> bool:
    """Tell whether `host` names this very machine, so that nobody on a line can listen (RFC 6761 section 6.3)."""
    try:
        return ipaddress.ip_address(host.strip().strip("[]")).is_loopback
    except ValueError:
        return host.strip().lower().rstrip(".") == "localhost"


def is_ip(text: str) -> bool:
    """Tell whether `text` is an IP address, bare or in the brackets of a URL."""
    try:
        ipaddress.ip_address(text.strip().strip("[]"))
    except ValueError:
        return False
    return True


def host_and_port(text: str) -> str:
    """Return a host that may carry a port ("localhost:8443"), trimmed. Raises ValueError."""
    text = text.strip()
    name, colon, number = text.rpartition(":")
    if colon and number.isdigit() and not name.endswith(":"):
        port(int(number))
        host(name)
        return text
    return host(text)


def host_list(text: str) -> tuple[str, ...]:
    """Return hosts that are separated by spaces, commas or lines. Raises ValueError for the first bad one."""
    return tuple(host(word) for word in re.split(r"[\s,;]+", text.strip()) if word)


def port(number: int) -> int:
    """Return a port. Raises ValueError outside 1 to 65535."""
    if not 1 <= number <= 65535:
        raise ValueError(
            _("{number} is not a port; ports go from 1 to 65535. Leave it empty for the usual one.").format(
                number=number
            )
        )
    return number


def web_address(text: str) -> str:
    """Return the address of a site ("https://mail.example.org"), trimmed and without a slash at its end. Raises
    ValueError."""
    text = text.strip().rstrip("/")
    parts = _web_parts(text)
    if parts is None or parts.path or parts.query:
        raise ValueError(_("Type where people open the console in the browser, such as https://mail.example.org."))
    return text


def webhook_url(text: str) -> tuple[str, str]:
    """Return the address of a webhook, trimmed, and its host with the port if one is given. No sentence shows the
    address, because whoever knows it may post there. Raises ValueError."""
    text = text.strip()
    if len(text) > limits.WEBHOOK_URL_CHARS:
        raise ValueError(_("A webhook address has at most {limit} characters.").format(limit=limits.WEBHOOK_URL_CHARS))
    parts = _web_parts(text)
    if parts is None or parts.hostname is None:
        raise ValueError(
            _("That is no web address. Copy the whole webhook address; it begins with https:// and holds no space.")
        )
    if parts.scheme != "https" and not this_machine(parts.hostname):
        raise ValueError(
            _("A webhook address must begin with https://, so that nobody on the way reads or changes it.")
        )
    return text, parts.netloc.lower()


def _web_parts(text: str) -> SplitResult | None:
    """Return the parts of a URL of the web without sign-in and fragment, None when `text` is none."""
    try:
        parts = urlsplit(text)
        if parts.port == 0 or not (text.isascii() and text.isprintable()) or " " in text:
            return None
        host(parts.hostname or "")
    except ValueError:
        return None
    plain = parts.scheme in ("http", "https") and "@" not in parts.netloc and not parts.fragment
    return parts if plain else None


def address(text: str) -> str:
    """Return one bare address, trimmed (a display name is refused: it has a field of its own). Raises ValueError."""
    found = parse(text)
    if found.name:
        raise AddressError(
            _("Type the address alone ({spec}); the name has a field of its own.").format(spec=found.spec)
        )
    return f"{found.spec.rpartition('@')[0]}@{found.domain}"


def address_list(text: str) -> tuple[str, ...]:
    """Return addresses separated by commas, semicolons or lines, as typed. Raises ValueError for the first bad one."""
    parts = [part.strip() for part in re.split(r"[;\n]+", text) if part.strip(" ,\t\r")]
    return tuple(found.full for found in parse_list(parts))


def mailbox_list(text: str) -> tuple[str, ...]:
    """Return bare addresses separated by spaces, commas, semicolons or lines. Raises ValueError for the first bad one,
    and for one that is named twice (a mailbox would send twice its share)."""
    found = tuple(address(word) for word in re.split(r"[\s,;]+", text.strip()) if word)
    for place, one in enumerate(found):
        if one.lower() in (other.lower() for other in found[:place]):
            raise ValueError(_("{one} is named twice.").format(one=show(one)))
    return found


def sender_list(text: str) -> tuple[str, ...]:
    """Return addresses or domains ("example.org", "@example.org") separated by spaces, commas or lines, in
    lower case. Raises ValueError for the first bad one."""
    found = []
    for word in re.split(r"[\s,;]+", text.strip()):
        if "@" in word.lstrip("@"):
            found.append(parse(word).key)
        elif word:
            found.append(ascii_domain(word.lstrip("@")).lower())
    return tuple(found)


def proxy_user(text: str) -> str:
    """Return a user name for a proxy, trimmed. Raises ValueError when HTTP or SOCKS5 cannot carry it (RFC 7617
    section 2 ends it at a colon, RFC 1929 section 2 allows 255 bytes)."""
    text = one_line(text)
    if ":" in text:
        raise ValueError(_("A user name for a proxy cannot hold a colon."))
    if len(text.encode()) > limits.PROXY_CREDENTIAL_BYTES:
        raise ValueError(
            _("A user name for a proxy has at most {limit} bytes.").format(limit=limits.PROXY_CREDENTIAL_BYTES)
        )
    return text


def tenant(text: str) -> str:
    """Return an Entra tenant: a GUID or a domain. Raises ValueError (Microsoft: AADSTS900023, AADSTS50059)."""
    text = text.strip()
    if text.lower() in ("common", "organizations", "consumers"):
        raise ValueError(
            _("“{text}” names no tenant; a service account needs the tenant's own ID or domain.").format(
                text=show(text)
            )
        )
    if guid(text) or ("." in text and _NAME.fullmatch(text)):
        return text
    raise ValueError(
        _(
            "“{text}” is neither a tenant ID (like 72f988bf-86f1-41af-91ab-2d7cd011db47) nor a domain (like "
            "contoso.onmicrosoft.com)."
        ).format(text=show(text))
    )


def client_id(text: str) -> str:
    """Return an application (client) ID, which is a GUID. Raises ValueError."""
    if not guid(text):
        raise ValueError(
            _(
                "“{text}” is not an application (client) ID; copy the GUID from the app's Overview page in Entra."
            ).format(text=show(text.strip()))
        )
    return text.strip()


def client_secret(text: str) -> str:
    """Return a client secret. Raises ValueError for a GUID: that is the secret's ID, a frequent mistake."""
    if guid(text):
        raise ValueError(_("This looks like the secret's ID. Paste the secret's Value, which Entra shows only once."))
    return text


def scopes(text: str) -> tuple[str, ...]:
    """Return the scopes, separated by spaces. A service account asks for `.../.default` of one resource.
    Raises ValueError (Microsoft: AADSTS1002012, AADSTS70011)."""
    found = tuple(re.split(r"[\s,]+", text.strip())) if text.strip() else ()
    for scope in found:
        if not _SCOPE.fullmatch(scope):
            raise ValueError(
                _(
                    "“{scope}” does not end in “/.default”. A service account asks for everything it was granted, "
                    "such as https://graph.microsoft.com/.default; leave the field empty for that."
                ).format(scope=show(scope))
            )
    if len(found) > 1:
        raise ValueError(_("A service account can ask for one scope only; keep the one of the mail service."))
    return found


def guid(text: str) -> bool:
    """Tell whether `text` is a GUID in its usual form."""
    try:
        return str(uuid.UUID(text.strip())) == text.strip().lower()
    except ValueError:
        return False


# Beside the control characters of ASCII: those of C1 (some terminals obey them), and U+0085, U+2028 and U+2029, which
# end a line as well, so that no header can hold them.
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def one_line(text: str) -> str:
    """Return `text` trimmed. Raises ValueError when it holds a line break or control character (header injection)."""
    if _BREAKS.search(text):
        raise ValueError(_("This may not hold line breaks or control characters."))
    return text.strip()


def domain(text: str) -> str:
    """Return the domain of a mail address in lower case, its letters beyond ASCII as A-labels. Raises ValueError."""
    bare = text.strip().removeprefix("@").removesuffix(".")
    try:
        name = ascii_domain(bare).lower()
    except AddressError:
        name = ""
    if "." not in name or not _NAME.fullmatch(name) or name.rpartition(".")[2].isdigit():
        raise ValueError(_("“{text}” is not a domain, such as example.org.").format(text=show(text)))
    return name


def selectors(text: str) -> list[str]:
    """Return the selectors of DKIM keys (RFC 6376 section 3.1) in `text`, separated by commas, blanks or lines. Raises
    ValueError."""
    found = list(dict.fromkeys(part.lower() for part in re.split(r"[\s,;]+", text) if part))
    for part in found:
        if not _NAME.fullmatch(part):
            raise ValueError(_("“{part}” is not a selector, such as selector1 or mail2026.").format(part=show(part)))
    if len(found) > limits.MAX_SELECTORS:
        raise ValueError(_("At most {limit} selectors.").format(limit=limits.MAX_SELECTORS))
    return found


def resolvers(text: str) -> list[tuple[str, int]]:
    """Return address and port of each resolver in `text`: IP addresses, with a port after a colon (an IPv6 address in
    brackets then), separated by commas, blanks or lines. Raises ValueError."""
    found = [_resolver(part) for part in re.split(r"[\s,;]+", text) if part]
    if len(found) > limits.MAX_RESOLVERS:
        raise ValueError(_("At most {limit} resolvers.").format(limit=limits.MAX_RESOLVERS))
    return found


def _resolver(text: str) -> tuple[str, int]:
    address, number = text.strip("[]"), 53
    if not is_ip(address) and (split := re.fullmatch(r"\[?([^\]]+?)\]?:(\d{1,5})", text)):
        address, number = split[1], int(split[2])
    if not is_ip(address) or not 1 <= number <= 65535:
        raise ValueError(
            _("“{text}” is not the IP address of a resolver, such as 192.0.2.53 or [2001:db8::53]:53.").format(
                text=show(text)
            )
        )
    return address, number
