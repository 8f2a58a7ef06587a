"""Opens what is stored of a secret: a sealed text with the key ring, or a reference to where it is kept outside."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_variables

from mailadmin import conf
from mailadmin.core import references
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.keyring import CannotOpen

REFERENCE = "ref:"


@sensitive_variables()
def open_stored(stored: str, context: str, name: str) -> str:
    """Return the clear text of `stored`, which was sealed for `context` or is a reference. `name` says in errors
    whose secret it is. Raises MailError (settings, secret-unreadable)."""
    try:
        if stored.startswith(REFERENCE):
            return _read_reference(stored.removeprefix(REFERENCE))
        return conf.key_ring().open(context, stored)
    except (CannotOpen, conf.ConfigurationError, ValueError) as error:
        raise MailError(Fault(Phase.SETTINGS, Kind.SECRET_UNREADABLE, text=f"{name}: {error}")) from None


def check_reference(reference: references.Reference) -> None:
    """Raise ValueError with a sentence when the deployment does not allow `reference`."""
    allow_list = conf.setting("SECRET_REFS")
    if not references.allowed(reference, allow_list):
        text = gettext(
            "The reference {reference} is not allowed here. Allowed are: {allowed} "
            '(MAILADMIN["SECRET_REFS"] in the settings of the server).'
        )
        raise ValueError(text.format(reference=reference, allowed=", ".join(allow_list) or gettext("none")))


def _read_reference(text: str) -> str:
    reference = references.parse(text)
    if reference is None:
        raise ValueError(gettext("The stored reference is damaged; type it again."))
    check_reference(reference)
    if reference.kind == "env":
        value = os.environ.get(reference.name, "")
        if not value:
            text = gettext("The environment variable {name} is not set on this server.")
            raise ValueError(text.format(name=reference.name))
        return value
    return _read_file(Path(reference.name))


def _read_file(path: Path) -> str:
    try:
        real = path.resolve(strict=True)
        # A symbolic link must not lead out of the folder; the folder itself may be reached by one (/var/run).
        if not references.allowed(references.Reference("file", str(real)), _real(conf.setting("SECRET_REFS"))):
            text = gettext("The file {path} is a symbolic link that leads out of the allowed folders.")
            raise ValueError(text.format(path=path))
        value = real.read_text("utf-8").rstrip("\r\n")
    except (OSError, RuntimeError, UnicodeDecodeError):  # RuntimeError: links in a circle, before Python 3.13
        raise ValueError(gettext("The file {path} cannot be read on this server.").format(path=path)) from None
    if not value:
        raise ValueError(gettext("The file {path} is empty on this server.").format(path=path))
    return value


def _real(allow_list: Iterable[str]) -> Iterator[str]:
    """Yield the allowed files and folders by their real paths."""
    for kind, _colon, path in (entry.partition(":") for entry in allow_list):
        if kind == "file":
            yield f"file:{Path(path).resolve()}{'/' if path.endswith('/') else ''}"
