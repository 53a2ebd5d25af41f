#!/usr/bin/env bash
# Pin every dependency with its hashes, for all supported Pythons at once. Run through `make lock`.
set -euo pipefail
cd "$(dirname "$0")/../.."
compile=(.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes
         --no-emit-index-url --no-annotate --custom-compile-command "make lock" pyproject.toml "$@")
out=deploy/requirements
"${compile[@]}" -o $out/base.txt
"${compile[@]}" --extra embedded -c $out/base.txt -o $out/embedded.txt
"${compile[@]}" --extra embedded --group dev -c $out/embedded.txt -o $out/dev.txt
