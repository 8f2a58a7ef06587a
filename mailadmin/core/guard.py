"""Whether a database belongs to this place (pure): so that a copied or restored one starts held.

A database is bound to the name of an environment, and to a generation that is counted up in it and in a small file
beside the key file. A copy of the database comes without the file, or meets the file of another one; a restored backup
is behind its file.

A generation is a number of two parts: the lineage, drawn by lot when a database is first bound, and the count. Two
databases that were never one have different lineages. A confirmation counts far ahead, so that the database which the
copy was made of never catches up, and its next copy is noticed as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from .texts import _

LINEAGES = 2**23  # with the count they fill the 63 bits of a database's big integer
_COUNTS = 2**40  # at one an hour for longer than there are databases
_LEAP = 2**20  # hours: more than a hundred years


@dataclass(frozen=True)
class Binding:
    """Whose a database is, by its own word; a generation of 0 was never bound."""

    environment: str = ""
    generation: int = 0


@dataclass(frozen=True)
class Place:
    """Where we are: the deployment's name for it, whether a file counts along here (`guarded`), and what the file says,
    None when there is none."""

    environment: str = ""
    guarded: bool = False
    generation: int | None = None


class Finding(Enum):
    """What a comparison says."""

    WELL = auto()
    NEW = auto()  # to be bound
    AHEAD = auto()  # another host counted on: the file follows
    OTHER_NAME = auto()
    OLDER = auto()
    COPIED = auto()

    @property
    def objects(self) -> bool:
        """Tell whether nothing may be sent until somebody confirms."""
        return self in (Finding.OTHER_NAME, Finding.OLDER, Finding.COPIED)


def judge(database: Binding, place: Place) -> Finding:
    """Return what is to be thought of `database` at `place`."""
    counted = _by_generation(database.generation, place)
    if database.environment != place.environment:
        # The first name of a database that is surely ours is no other name.
        known = database.generation == 0 or (place.guarded and not counted.objects)
        if database.environment or not known:
            return Finding.OTHER_NAME
    return counted


def _by_generation(generation: int, place: Place) -> Finding:
    if generation == 0:
        return Finding.NEW
    if not place.guarded:
        return Finding.WELL
    if place.generation is None or place.generation // _COUNTS != generation // _COUNTS:
        return Finding.COPIED
    if generation < place.generation:
        return Finding.OLDER
    return Finding.AHEAD if generation > place.generation else Finding.WELL


def first(lineage: int) -> int:
    """Return the first generation of a new lineage (0 to LINEAGES - 1)."""
    return lineage * _COUNTS + 1


def confirmed(database: Binding, place: Place, lineage: int) -> int:
    """Return the generation after a confirmation at `place`: of the lineage that the database has, so that hosts which
    each confirm it agree. `lineage` is for a database that has none."""
    if not place.guarded:
        return database.generation
    base = database.generation or place.generation or first(lineage)
    count = max(base % _COUNTS, (place.generation or 0) % _COUNTS) + _LEAP
    return base - base % _COUNTS + count


def objection(finding: Finding, database: Binding, place: Place) -> str:
    """Return in a sentence what speaks against sending, "" when nothing does."""
    if finding is Finding.OTHER_NAME:
        return _foreign(database.environment, place.environment)
    if finding is Finding.OLDER:
        return _("The database is older than it was here before, as after restoring a backup.")
    if finding is Finding.COPIED:
        return _("The database was used at another place before, as after copying it, and is new here.")
    return ""


def _foreign(theirs: str, ours: str) -> str:
    if not theirs:
        text = _("The database belongs to an environment without a name, and this is the environment “{ours}”.")
    elif not ours:
        text = _("The database belongs to the environment “{theirs}”, and this is an environment without a name.")
    else:
        text = _("The database belongs to the environment “{theirs}”, and this is the environment “{ours}”.")
    return text.format(theirs=theirs, ours=ours)
