"""Whether a database belongs here, by its name and by its generation (N9)."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.core.guard import LINEAGES, Binding, Finding, Place, confirmed, first, judge, objection

few = settings(max_examples=80, deadline=None)
_names = st.sampled_from(["", "production", "staging"])
_lineages = st.integers(0, LINEAGES - 1)
_counts = st.integers(0, 5000)
_generations = st.builds(lambda lineage, count: first(lineage) + count, st.integers(0, 3), _counts)
_bindings = st.builds(Binding, _names, st.just(0) | _generations)
_places = st.builds(Place, _names, st.just(True), st.none() | _generations) | st.builds(Place, _names)


def test_n9_a_database_that_was_never_bound_is_new_and_no_objection() -> None:
    for place in (Place(), Place("staging"), Place("staging", True, None), Place("staging", True, first(7))):
        assert judge(Binding(), place) is Finding.NEW


@few
@given(_names, _generations)
def test_n9_a_database_that_its_file_knows_is_well(name: str, generation: int) -> None:
    assert judge(Binding(name, generation), Place(name, True, generation)) is Finding.WELL


@few
@given(_names, _names, _places)
def test_n9_another_name_is_an_objection_whatever_the_file_says(theirs: str, ours: str, place: Place) -> None:
    if theirs and theirs != ours:
        here = replace(place, environment=ours)
        for generation in (0, 1, here.generation or 5):
            assert judge(Binding(theirs, generation), here) is Finding.OTHER_NAME


@few
@given(_names, _lineages, _counts, st.integers(1, 5000))
def test_n9_a_restored_backup_is_behind_its_file(name: str, lineage: int, count: int, lost: int) -> None:
    backup = first(lineage) + count
    assert judge(Binding(name, backup), Place(name, True, backup + lost)) is Finding.OLDER
    assert judge(Binding(name, backup + lost), Place(name, True, backup)) is Finding.AHEAD


@few
@given(_names, _generations)
def test_n9_a_copy_comes_without_its_file(name: str, generation: int) -> None:
    assert judge(Binding(name, generation), Place(name, True, None)) is Finding.COPIED


@few
@given(_names, _lineages, _lineages, _counts, _counts)
def test_n9_a_copy_over_another_database_meets_the_file_of_that_one(
    name: str, one: int, other: int, count: int, further: int
) -> None:
    if one != other:
        assert judge(Binding(name, first(one) + count), Place(name, True, first(other) + further)) is Finding.COPIED


def test_n9_a_name_that_is_given_later_is_no_other_name_where_the_file_vouches() -> None:
    assert judge(Binding("", 7), Place("production", True, 7)) is Finding.WELL
    assert judge(Binding("", 7), Place("production", True, None)) is Finding.OTHER_NAME
    assert judge(Binding("", 7), Place("production")) is Finding.OTHER_NAME  # nobody vouches


@few
@given(_bindings, _places, _lineages)
def test_n9_one_confirmation_is_enough_here(database: Binding, place: Place, lineage: int) -> None:
    generation = confirmed(database, place, lineage)
    assert generation < 2**63
    here = replace(place, generation=generation) if place.guarded else place
    assert not judge(Binding(place.environment, generation), here).objects


@few
@given(_generations, _counts, _lineages)
def test_n9_the_next_copy_of_the_same_database_is_noticed_as_well(source: int, further: int, lineage: int) -> None:
    """A staging site that gets the production database every night, both without a name."""
    here = Place("", True, None)
    here = replace(here, generation=confirmed(Binding("", source), here, lineage))
    assert judge(Binding("", source + further), here).objects


@few
@given(_generations, _generations, _lineages)
def test_n9_hosts_with_files_of_their_own_agree_after_each_confirmed(source: int, other: int, lineage: int) -> None:
    """A copied database at two hosts: one without a file, one with the file of another database."""
    first_host, second_host = Place("", True, None), Place("", True, other)
    database = Binding("", confirmed(Binding("", source), first_host, lineage))
    first_host = replace(first_host, generation=database.generation)
    if judge(database, second_host).objects:
        database = Binding("", confirmed(database, second_host, lineage))
    assert not judge(database, first_host).objects


@few
@given(_bindings, _places)
def test_n9_there_is_a_sentence_exactly_for_what_objects(database: Binding, place: Place) -> None:
    finding = judge(database, place)
    sentence = objection(finding, database, place)
    assert bool(sentence) is finding.objects
    if finding is Finding.OTHER_NAME:
        assert all(name in sentence for name in (database.environment, place.environment))


@few
@given(_bindings, _places)
def test_n9_without_a_file_only_the_name_guards(database: Binding, place: Place) -> None:
    here = Place(place.environment)
    if database.environment == here.environment:
        assert not judge(database, here).objects
