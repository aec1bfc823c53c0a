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
# Only their module names matter to the test, so what they depend on is left out.
printf 'ctl\npython-daemon\n' | compile requirements/packaging.txt --no-deps -
printf 'uv\n' | compile requirements/uv.txt -
