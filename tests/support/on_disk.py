"""What stands on the disk: the bytes of a data folder, looked through."""

import mmap
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg

CHUNK_BYTES = 16


def chunks_of(secret: bytes) -> list[bytes]:
    """The parts of a secret that it is looked for by, the last one whole too."""
    ends = range(CHUNK_BYTES, len(secret) + 1, CHUNK_BYTES)
    return [secret[end - CHUNK_BYTES : end] for end in ends]


def found_in(place: "Place", needles: Iterable[bytes]) -> dict[bytes, set[str]]:
    """The files in which each of the needles stands; none for those that are nowhere."""
    wanted = list(needles)
    found: dict[bytes, set[str]] = {}
    for path in place.files():
        try:
            if not path.stat().st_size:
                continue
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as seen:
                for needle in wanted:
                    if seen.find(needle) >= 0:
                        name = str(path.relative_to(place.folder))
                        found.setdefault(needle, set()).add(name)
        except (FileNotFoundError, ValueError):
            continue  # The server has removed or emptied it meanwhile.
    return found


@dataclass(frozen=True)
class Place:
    """A server's data folder, without what is of other databases alone."""

    folder: Path
    database: str

    def files(self) -> Iterator[Path]:
        """Folders that the server removes meanwhile, with a database of another test, are left."""
        for parent, folders, names in os.walk(self.folder):
            here = Path(parent)
            if here == self.folder / "base":
                folders[:] = [self.database]
            yield from (here / name for name in names if (here / name).is_file())


async def write_down(database_url: str) -> Place:
    """Has the server write all pages down, then leave the log behind that it does not need: what
    docs/privacy.md says it does in time."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("CHECKPOINT")
        await connection.execute("SELECT pg_switch_wal()")
        await connection.execute("CHECKPOINT")
        oid = "SELECT CAST(oid AS text) FROM pg_database WHERE datname = current_database()"
        folder = Path(await connection.fetchval("SHOW data_directory"))
        return Place(folder, await connection.fetchval(oid))
    finally:
        await connection.close()
