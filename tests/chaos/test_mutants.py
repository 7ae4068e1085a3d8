"""The guards are where the mutants look for them, and their table keeps what was not run again."""

from pathlib import Path

import pytest

from tests.chaos.guards import ORDER, Patch, PatchDoesNotApply
from tests.chaos.mutants import ALL, DOCUMENT, HEAD, merged, name_of
from tests.chaos.place import ROOT, copy_tree


def test_every_guard_can_be_removed_from_the_product_on_top_of_the_others(tmp_path: Path) -> None:
    copy_tree(ROOT, tmp_path)
    for guard in ORDER:
        for patch in guard.patches:
            patch.apply(tmp_path)
            assert patch.new in (tmp_path / patch.file).read_text()


def test_a_guard_that_has_moved_stops_the_mutants(tmp_path: Path) -> None:
    (tmp_path / "place.py").write_text("something else")
    with pytest.raises(PatchDoesNotApply):
        Patch("place.py", "the guard", "").apply(tmp_path)


def test_rows_that_were_run_again_replace_those_of_their_name_and_others_stay() -> None:
    first, second, last = ALL[0].name, ALL[1].name, ALL[-1].name
    document = merged(
        DOCUMENT.read_text(), {last: f"| {last} | old |\n", second: f"| {second} | old |\n"}
    )
    rows = merged(document, {second: f"| {second} | new |\n", first: f"| {first} | new |\n"})
    assert f"| {second} | new |\n" in rows
    assert f"| {second} | old |\n" not in rows
    assert f"| {last} | old |\n" in rows
    names = [name_of(line) for line in rows.partition(HEAD)[2].splitlines() if line[:1] == "|"]
    assert names == [mutant.name for mutant in ALL if mutant.name in names]


def test_a_row_of_a_mutant_that_is_no_more_goes_and_the_prose_stays() -> None:
    document = DOCUMENT.read_text()
    line = f"| {ALL[0].name} |"
    strange = document.replace(line, f"| a guard of long ago | x |\n{line}", 1)
    assert strange != document
    assert merged(strange, {}) == document == merged(document, {})
