"""Sizes, in words and in base64."""

from __future__ import annotations

import re

from .texts import _, ngettext

_UNITS = {
    "": 1,
    "b": 1,
    "byte": 1,
    "bytes": 1,
    "k": 1_000,
    "kb": 1_000,
    "m": 1_000_000,
    "mb": 1_000_000,
    "g": 10**9,
    "gb": 10**9,
}
_SIZE = re.compile(
    rf"(\d{{1,12}}(?:\.\d{{1,6}})?)\s*({'|'.join(sorted(filter(None, _UNITS), key=len, reverse=True))})?", re.ASCII
)
_LARGEST = 10 * 10**9  # no server takes more
_STEPS = ((1_000_000, "MB"), (1_000, "kB"))


def in_words(size: int) -> str:
    """Return `size` (bytes) as people read it: "35 MB", "1.5 MB", "10 kB", "900 bytes". Units are decimal."""
    for unit, word in _STEPS:
        if size >= unit:
            number = f"{size / unit:.1f}" if size < 10 * unit else f"{size / unit:.0f}"
            return f"{number.removesuffix('.0')} {word}"
    return ngettext("{number} byte", "{number} bytes", size).format(number=size)


def base64_size(size: int) -> int:
    """Return how many letters `size` bytes are in base64 without line ends (RFC 4648 section 4)."""
    return 4 * -(-size // 3)


def parse(text: str) -> int:
    """Return the number of bytes that `text` means: "25 MB", "1,5 mb", "300kB", "4096"; units are decimal, as in
    `in_words`. Raises ValueError with a sentence."""
    found = _SIZE.fullmatch(text.strip().lower().replace(",", "."))
    if not found:
        raise ValueError(_("Type a size such as 300 kB or 25 MB."))
    size = float(found[1]) * _UNITS[found[2] or ""]
    if size > _LARGEST:
        raise ValueError(_("Type a size of at most {largest}.").format(largest=in_words(_LARGEST)))
    return round(size)
