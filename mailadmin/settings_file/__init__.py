"""Settings as code: the whole installation as one TOML file, which is exported, checked, planned and applied; and what
Django's own settings already name, taken over as a first connection. docs/settings-file.md tells the file."""

from __future__ import annotations

from typing import Any


def managed(row: Any) -> bool:
    """Tell whether `row` comes from a settings file, so that the console shows it and changes nothing."""
    return bool(getattr(row, "managed_by", ""))
