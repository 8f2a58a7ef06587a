"""Changes of settings that would cure a failure (pure): the page offers them, a person saves and tests again."""

from __future__ import annotations

from .fix import Fix, Target
from .propose import propose

__all__ = ["Fix", "Target", "propose"]
