"""What a whole soak measured stands in the page once, in the place of what was measured before."""

from __future__ import annotations

from pathlib import Path

import pytest

from soak import report
from soak.verdict import Verdict


def test_the_figures_of_a_whole_run_replace_the_earlier_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "reliability.md"
    page.write_text("# Reliability\n\nWhy it holds.\n")
    monkeypatch.setattr(report, "PAGE", page)
    for seed, count in ((1, 10.0), (2, 20.5)):
        report.write({"chaos": Verdict(figures={"messages committed": count})}, {"chaos": 7.0}, seed)
    text = page.read_text()
    assert text.startswith("# Reliability\n\nWhy it holds.\n\n<!--")
    assert text.count("## Measured") == 1
    assert "--seed 2" in text
    assert "| chaos | messages committed | 20.5 |" in text
    assert "| chaos | seconds | 7 |" in text
