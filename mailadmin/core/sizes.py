"""Sizes, in words and in base64."""

from __future__ import annotations

_STEPS = ((1_000_000, "MB"), (1_000, "kB"))


def in_words(size: int) -> str:
    """Return `size` (bytes) as people read it: "35 MB", "1.5 MB", "10 kB", "900 bytes". Units are decimal."""
    for unit, word in _STEPS:
        if size >= unit:
            number = f"{size / unit:.1f}" if size < 10 * unit else f"{size / unit:.0f}"
            return f"{number.removesuffix('.0')} {word}"
    return f"{size} {'byte' if size == 1 else 'bytes'}"


def base64_size(size: int) -> int:
    """Return how many letters `size` bytes are in base64 without line ends (RFC 4648 section 4)."""
    return 4 * -(-size // 3)
