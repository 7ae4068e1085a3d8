"""Writes the generated blocks of docs/ from the code, between their markers.

    python ops/write_docs.py           writes them
    python ops/write_docs.py --check   exits 1 and names the pages that are not current

docs/settings.md has the settings, as `app/settings.py` describes them; docs/architecture.md the
packages and modules of `app`, by the layers of pyproject.toml and the first lines of docstrings.
"""

import ast
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from app.settings import ENV_PREFIX, Settings

ROOT = Path(__file__).resolve().parent.parent
APP = ROOT / "app"


def settings_table() -> str:
    """The table of settings in Markdown. ValueError when a setting has no description."""
    rows = ["| Variable | Default | Range | Means |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        if not field.description:
            raise ValueError(f"the setting {name} has no description")
        variable = f"`{ENV_PREFIX}{name.upper()}`"
        rows.append(f"| {variable} | {_default(field)} | {_range(field)} | {field.description} |")
    return "\n".join(rows)


def package_map() -> str:
    """The table of packages and modules, the upper layers first. ValueError without docstring."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers: list[str] = project["tool"]["importlinter"]["contracts"][0]["layers"]
    rows = ["| Layer | What | Responsibility |", "|---|---|---|"]
    for layer in layers:
        title = layer.replace(" | ", ", ")
        for name in layer.split(" | "):
            for path in _within(name):
                what = f"`app/{path.relative_to(APP)}{'/' if path.is_dir() else ''}`"
                rows.append(f"| {title} | {what} | {_first_line(path)} |")
                title = ""
    return "\n".join(rows)


BLOCKS: dict[str, tuple[Path, Callable[[], str]]] = {
    "settings": (ROOT / "docs/settings.md", settings_table),
    "packages": (ROOT / "docs/architecture.md", package_map),
}


def with_block(text: str, name: str, block: str) -> str:
    """`text` with `block` between the markers of `name`. ValueError when one is missing."""
    begin, end = f"<!-- {name}: written by ops/write_docs.py -->", f"<!-- end of {name} -->"
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{begin} or {end} is missing")
    return f"{before}{begin}\n{block}\n{end}{after}"


def main() -> int:
    """The exit code."""
    code = 0
    for name, (page, written) in BLOCKS.items():
        text = page.read_text(encoding="utf-8")
        current = with_block(text, name, written())
        if text == current:
            continue
        if "--check" in sys.argv[1:]:
            sys.stdout.write(f"{page.relative_to(ROOT)}: run .venv/bin/python ops/write_docs.py\n")
            code = 1
        else:
            page.write_text(current, encoding="utf-8")
    return code


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value: Any = field.default
    if value is None:
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{list(value)}`".replace("'", '"')
    return f"`{value}`"


def _range(field: FieldInfo) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    bounds = (
        f"{sign} {getattr(bound, name):g}"
        for bound in field.metadata
        for name, sign in signs.items()
        if hasattr(bound, name)
    )
    return ", ".join(bounds)


def _within(name: str) -> Iterator[Path]:
    """A module, or a package and the packages in it."""
    module = APP / f"{name}.py"
    if module.exists():
        yield module
    else:
        yield from sorted(init.parent for init in (APP / name).rglob("__init__.py"))


def _first_line(path: Path) -> str:
    source = path / "__init__.py" if path.is_dir() else path
    docstring = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8")))
    if not docstring:
        raise ValueError(f"{source.relative_to(ROOT)} has no docstring")
    return docstring.partition("\n")[0].removesuffix(".")


if __name__ == "__main__":
    sys.exit(main())
