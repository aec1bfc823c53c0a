#!/bin/sh
# Writes requirements/*.txt: versions and hashes, no addresses. Needs uv as the first argument.
set -eu
uv=${1:-uv}
compile() {
    out=$1; shift
    "$uv" pip compile --quiet --universal --generate-hashes --no-annotate --python-version 3.11 \
        --custom-compile-command 'make lock' --output-file "$out" "$@"
}
compile requirements/run.txt pyproject.toml
compile requirements/dev.txt pyproject.toml --group pyproject.toml:dev
printf 'uv\n' | compile requirements/uv.txt -
