import pytest

from app.chats.formats.whatsapp.matrix import GUARANTEED, REQUIRED, known
from ops.write_import_docs import DOCS, render


def test_no_language_lacks_a_kind_of_line_that_is_guaranteed():
    assert known().gaps() == []


@pytest.mark.parametrize("kind", sorted(GUARANTEED["Android"]))
def test_a_gap_in_the_table_is_found(kind):
    thinned = known()
    rows = {key: count for key, count in thinned.rows.items() if key[0] != "bn"}
    gaps = type(thinned)(thinned.languages, rows).gaps()
    assert ("Android", "bn", kind) in gaps


def test_the_platforms_have_as_many_languages_as_their_apps():
    assert len(REQUIRED["Android"]) >= 60
    assert len(REQUIRED["iOS"]) >= 40


def test_the_documentation_shows_the_matrix_as_it_is():
    page = DOCS.read_text(encoding="utf-8")
    assert render(page) == page
