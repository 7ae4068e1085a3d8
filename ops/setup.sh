#!/bin/sh
# Set-up in .venv: the pinned, hashed lock, then the project itself.
#   ops/setup.sh runtime   what the product needs, the embedded services included
#   ops/setup.sh dev       that, and what its tests and checks need
#   ops/setup.sh bench     the runtime set, and what the benchmarks compare it with
# Does nothing when it is up to date. PYTHON names an interpreter to prefer. What was interrupted,
# or made where the checkout stood before, is made anew; two at once take turns.
set -eu
cd "$(dirname "$0")/.."

VENV=.venv
LOCK=.venv.lock
UNFINISHED=.venv.unfinished
MIN_MINOR=11
MAX_MINOR=14

say() { printf '%s\n' "$*" >&2; }
die() {
    say "$@"
    exit 1
}

fits() {
    "$1" -I -c "
import sys
ok = sys.implementation.name == 'cpython' and (3, $MIN_MINOR) <= sys.version_info[:2] <= (3, $MAX_MINOR)
sys.exit(not ok)" >/dev/null 2>&1
}

has_venv() { "$1" -I -c 'import venv, ensurepip' >/dev/null 2>&1; }

find_python() {
    unfit='' bare=''
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        if ! fits "$candidate"; then
            unfit="$unfit $candidate"
        elif ! has_venv "$candidate"; then
            bare="$bare $candidate"
        else
            printf '%s' "$candidate"
            return
        fi
    done
    [ -z "$bare" ] || die "Python cannot make virtual environments here:$bare has no venv or" \
        "ensurepip. On Debian or Ubuntu install python3-venv (as root: apt install python3-venv)."
    [ -z "$unfit" ] || say "Does not fit:$unfit"
    die "Sixfold needs CPython 3.$MIN_MINOR to 3.$MAX_MINOR and found none." \
        "Install one, or name it: make PYTHON=/path/to/python3 …"
}

require_platform() {
    case "$(uname -s)" in
    Darwin) ;;
    Linux)
        "$1" -I -c '
import os, sys
try:
    name, number = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()
except (ValueError, OSError):
    sys.exit(1)
sys.exit(name != "glibc" or tuple(map(int, number.split(".")[:2])) < (2, 28))' ||
            die "Sixfold's set-up needs Linux with glibc 2.28 or newer, or macOS;" \
                "this Linux has an older or another C library (musl, as in Alpine)."
        ;;
    *) die "Sixfold's set-up needs Linux with glibc 2.28 or newer, or macOS; this is $(uname -s)." ;;
    esac
}

# `mkdir` is what every system has that fails for all but one. A lock whose holder is gone is taken.
take_turns() {
    until mkdir "$LOCK" 2>/dev/null; do
        holder=$(cat "$LOCK/pid" 2>/dev/null || true)
        if [ -n "$holder" ] && ! kill -0 "$holder" 2>/dev/null; then
            rm -rf "$LOCK"
            continue
        fi
        [ -n "${waits:-}" ] || say "Another set-up is under way here; waiting for it."
        waits=yes
        sleep 1
    done
    echo $$ >"$LOCK/pid"
    trap 'rm -rf "$LOCK"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

make_venv() {
    if [ -e "$VENV" ] && ! fits "$VENV/bin/python"; then
        say "The Python of $VENV does not run or does not fit; making it anew."
        rm -rf "$VENV"
    elif [ -e "$VENV" ] && { [ -e "$UNFINISHED" ] || ! is_of_here; }; then
        say "$VENV was not finished, or was made in another folder; making it anew."
        rm -rf "$VENV"
    fi
    : >"$UNFINISHED"
    if [ ! -e "$VENV" ]; then
        python=$(find_python)
        require_platform "$python"
        say "Making $VENV with $("$python" -V) …"
        "$python" -I -m venv "$VENV" || {
            rm -rf "$VENV"
            die "$python -m venv failed. On Debian or Ubuntu: apt install python3-venv"
        }
    fi
    # Some tools make environments without pip.
    "$VENV/bin/python" -I -m pip --version >/dev/null 2>&1 ||
        "$VENV/bin/python" -I -m ensurepip >/dev/null
}

# The fingerprint of all that the installation follows from, in place of file times, which a
# checkout changes.
fingerprint() { cat "$1" pyproject.toml requirements-build.in ops/setup.sh | cksum; }

# Its scripts and the project's own entry hold the folder by its whole path.
is_of_here() { grep -qF "$(pwd -P)/$VENV" "$VENV/bin/activate" 2>/dev/null; }

is_current() {
    [ -f "$1" ] && [ "$(cat "$1")" = "$2" ] && [ ! -e "$UNFINISHED" ] && is_of_here &&
        fits "$VENV/bin/python"
}

pip() {
    "$VENV/bin/python" -I -m pip --disable-pip-version-check --no-input -qq "$@" ||
        die "pip failed; its last lines are above. Without a network nothing can be installed."
}

# By every processor at once; pip compiles by one. Like pip it does not mind what cannot be compiled:
# templates and the code for other versions of Python that some packages hold.
compile_all() { "$VENV/bin/python" -I -m compileall -qq -j 0 "$VENV/lib" >/dev/null 2>&1 || true; }

install() {
    stamp=$1 lock=$2 now=$3
    make_venv
    rm -f "$stamp"
    say "Installing $lock …"
    pip install --no-compile --require-hashes --no-deps --only-binary :all: -r "$lock"
    pip install --no-deps --no-build-isolation --no-index -e .
    compile_all
    rm "$UNFINISHED"
    printf '%s\n' "$now" >"$stamp"
}

case "${1:-}" in
runtime) lock=requirements.lock ;;
dev) lock=requirements-dev.lock ;;
bench) lock=requirements-bench.lock ;;
*) die "usage: ops/setup.sh runtime|dev|bench" ;;
esac
now=$(fingerprint "$lock")
if is_current "$VENV/.sixfold-$1" "$now"; then exit 0; fi
take_turns
is_current "$VENV/.sixfold-$1" "$now" || install "$VENV/.sixfold-$1" "$lock" "$now"
# The other locks hold all of the runtime lock, at the same versions.
if [ "$1" != runtime ]; then fingerprint requirements.lock >"$VENV/.sixfold-runtime"; fi
