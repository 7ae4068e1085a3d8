"""Where an instance keeps its files: the data folder, its lock, and a folder for each service."""

import fcntl
import hashlib
import os
import random
import secrets
import socket
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pwd import getpwnam
from typing import TypedDict

from app.local.embedded.errors import DataDirInUse, EmbeddedFailed, EmbeddedUnavailable

LOCK_FILE = "lock"
LOG_DIR = "logs"

LOOPBACK = "127.0.0.1"

# Below the ports that kernels give to outgoing connections: a client that keeps connecting to a
# stopped server on such a port can be given that very port, meet itself, and block the restart.
PORTS = range(20_000, 32_000)
PORT_TRIES = 200

# PostgreSQL refuses to run as root, and initdb wants a user that has a name.
UNPRIVILEGED_USERS = ("nobody", "daemon", "postgres")

# Where root puts what the unprivileged user cannot reach elsewhere. /var/tmp comes second, since
# it is aged: a file of a cluster untouched for 30 days may be deleted.
REACHABLE_ROOTS = ("/var/lib/sixfold", "/var/tmp/sixfold")  # noqa: S108 -- checked to be root's own

REACH_TIMEOUT_S = 10.0


class BecomeUser(TypedDict, total=False):
    user: int | None
    group: int | None
    extra_groups: list[str | int]


@dataclass(frozen=True)
class Runner:
    """Whom a service runs as; None means the user of this process."""

    uid: int | None = None
    gid: int | None = None

    def popen_options(self) -> BecomeUser:
        """What subprocess.Popen needs to become this user."""
        if self.uid is None:
            return BecomeUser()
        return BecomeUser(user=self.uid, group=self.gid, extra_groups=[])

    def give(self, path: Path) -> None:
        """Make `path` the runner's own; a link is not followed."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def can(self, test: str, path: Path) -> bool:
        """Whether the runner passes `test -x`, `-r` or the like on `path`.

        Asked as that user: modes alone do not tell (ACLs, read-only and noexec mounts).
        """
        asked = subprocess.run(  # noqa: S603 -- a fixed program; the path is an argument of its own
            ["/bin/sh", "-c", f'test {test} "$1"', "sh", str(path)],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=REACH_TIMEOUT_S,
            **self.popen_options(),
        )
        return asked.returncode == 0


def prepare_data_dir(data_dir: Path) -> None:
    """Make the folder if it is missing: private; under root passable, as a service enters it."""
    if not data_dir.is_dir():
        data_dir.mkdir(parents=True, exist_ok=True)
        data_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)
    (data_dir / LOG_DIR).mkdir(mode=0o700, exist_ok=True)


@contextmanager
def lock_data_dir(data_dir: Path) -> Generator[None]:
    """Hold the folder for one supervisor; DataDirInUse if another one has it.

    The kernel lets go of the lock when its holder dies, however it dies.
    """
    prepare_data_dir(data_dir)
    descriptor = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
            raise DataDirInUse(
                f"{data_dir} is in use by another `sixfold up` (pid {holder});"
                " stop that one, or choose another --data-dir."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def service_dir(data_dir: Path, name: str) -> tuple[Path, Runner]:
    """The private folder of a service, real and reachable, and whom the service runs as.

    It is `data_dir/name` itself, or where that link points: under root the folders above
    `data_dir` may be closed to the unprivileged user (/root is), and their modes are not ours
    to change.
    """
    prepare_data_dir(data_dir)
    link = data_dir.resolve() / name
    if link.exists():
        return link.resolve(), _runner_of(link.resolve())
    link.unlink(missing_ok=True)  # Dangling: what it named is gone.
    runner = new_runner()
    folder = _make_service_dir(link, runner)
    return folder, runner


def new_runner() -> Runner:
    """An unprivileged user under root, else the user of this process."""
    if os.geteuid() != 0:
        return Runner()
    for name in UNPRIVILEGED_USERS:
        try:
            entry = getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Runner(entry.pw_uid, entry.pw_gid)
    raise EmbeddedUnavailable(
        "PostgreSQL does not run as root, and there is no user"
        f" {', '.join(UNPRIVILEGED_USERS)} to run it as."
    )


def _runner_of(folder: Path) -> Runner:
    owner = folder.stat()
    if owner.st_uid == os.geteuid():
        return Runner()
    if os.geteuid() != 0:
        raise EmbeddedFailed(f"{folder} belongs to another user (uid {owner.st_uid}).")
    return Runner(owner.st_uid, owner.st_gid)


def _make_service_dir(link: Path, runner: Runner) -> Path:
    if runner.uid is None or runner.can("-x", link.parent):
        link.mkdir(mode=0o700)
        runner.give(link)
        return link
    digest = hashlib.sha256(bytes(link.parent)).hexdigest()[:12]
    folder = Path(tempfile.mkdtemp(prefix=f"{link.name}-{digest}-", dir=reachable_root(runner)))
    runner.give(folder)
    link.symlink_to(folder)
    return folder


def reachable_root(runner: Runner) -> Path:
    """A folder of root's that `runner` can enter, made if missing.

    Only a folder that root owns and only root writes to counts: in /var/tmp another user could
    have made one of that name first.
    """
    for root in map(Path, REACHABLE_ROOTS):
        try:
            root.mkdir(mode=0o711, exist_ok=True)
            if root.stat().st_uid == 0 and not root.is_symlink():
                root.chmod(0o711)  # mkdir's mode went through the umask; the folder is our own.
                if runner.can("-x", root):
                    return root
        except OSError:
            continue
    raise EmbeddedUnavailable(f"None of {', '.join(REACHABLE_ROOTS)} can be used.")


def write_atomically(
    path: Path, text: str, *, runner: Runner | None = None, replace: bool = True
) -> None:
    """Write a file of mode 600 that is never seen half-written, on disk when this returns.

    With `replace=False` an existing file wins.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        (runner or Runner()).give(temporary)
        if replace:
            temporary.replace(path)
        else:
            _link_if_new(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_dir(path.parent)


def _link_if_new(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)
    except FileExistsError:
        return  # Another process was first; its file counts.


def _sync_dir(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        # As servers do: connections of the last run that linger in TIME_WAIT are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """A loopback port without a listener, outside the range of outgoing connections."""
    for _ in range(PORT_TRIES):
        port = random.choice(PORTS)  # noqa: S311 -- a port is no secret
        if is_free(port):
            return port
    raise EmbeddedFailed(f"no free port between {PORTS.start} and {PORTS.stop}")


def load_port(data_dir: Path, name: str) -> int | None:
    """The port the service had last time."""
    try:
        return int((data_dir / f"{name}.port").read_text())
    except (FileNotFoundError, ValueError):
        return None


def save_port(data_dir: Path, name: str, port: int) -> None:
    """Keeps the port a service was given, for its next start."""
    if load_port(data_dir, name) != port:
        write_atomically(data_dir / f"{name}.port", str(port))
