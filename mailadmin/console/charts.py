"""Charts as plain numbers for an SVG of the template: no library, no script, no inline style."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

# The picture is stretched to the width of its card, so these are proportions, not pixels.
WIDTH, HEIGHT = 720, 160
GAP = 0.28  # of the place of one bar


@dataclass(frozen=True)
class Bucket:
    """The messages of one hour or day: `label` names it in full ("21 Nov, 10:00"), `short` in little room."""

    label: str
    short: str
    sent: int = 0
    fallback: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        """Return all messages of the bucket."""
        return self.sent + self.fallback + self.failed


@dataclass(frozen=True)
class Block:
    """One coloured piece of a bar. `kind` ("sent", "fallback", "failed") chooses the colour."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Chart:
    """A bar chart of buckets: its pieces, and what stands beside the axes."""

    buckets: Sequence[Bucket]
    blocks: Sequence[Block] = field(default_factory=tuple)
    top: int = 0  # the value at the upper edge
    ticks: Sequence[str] = field(default_factory=tuple)  # first, middle and last label
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def empty(self) -> bool:
        """Tell whether there is nothing to draw."""
        return self.top == 0


def bars(buckets: Sequence[Bucket]) -> Chart:
    """Return the stacked bars of `buckets`: sent at the bottom, failed on top."""
    top = max((bucket.total for bucket in buckets), default=0)
    if top == 0:
        return Chart(buckets)
    place = WIDTH / len(buckets)
    blocks = [block for index, bucket in enumerate(buckets) for block in _bar(bucket, index * place, place, top)]
    ticks = [buckets[0].short, buckets[len(buckets) // 2].short, buckets[-1].short]
    return Chart(buckets, blocks, top, ticks)


def _bar(bucket: Bucket, left: float, place: float, top: int) -> list[Block]:
    blocks = []
    bottom = float(HEIGHT)
    for kind in ("sent", "fallback", "failed"):
        count = getattr(bucket, kind)
        if count:
            # At least 2 units, so that one failure among thousands can still be seen.
            height = max(2.0, count / top * HEIGHT)
            bottom -= height
            blocks.append(
                Block(
                    kind,
                    round(left + place * GAP / 2, 2),
                    round(max(0.0, bottom), 2),
                    round(place * (1 - GAP), 2),
                    round(height, 2),
                )
            )
    return blocks
