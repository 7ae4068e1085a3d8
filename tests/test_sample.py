"""The sample chat that people without an account see is what the code gives."""

from samples.snapshot import FOLDER, snapshot


def test_the_sample_beside_the_page_is_current() -> None:
    for name, content in snapshot().items():
        assert (FOLDER / name).read_bytes() == content, f"python -m samples.snapshot: {name}"
