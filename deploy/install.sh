#!/usr/bin/env bash
# Makes a virtual environment and installs locked requirements into it, unless that was done already.
# Usage: install.sh FOLDER embedded|dev. PYTHON names the interpreter to build it from.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$1 set=$2
lock=deploy/requirements/$set.txt
supported='import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'

fail() { printf '%s\n' "$@" >&2; exit 1; }

digest() { # of the lock and of the Python it is installed for
  { cat "$1"; "$venv/bin/python" -V; } | { sha256sum 2>/dev/null || shasum -a 256; } | cut -c1-64
}

find_python() {
  local name
  if [ -n "${PYTHON:-}" ]; then
    "$PYTHON" -c "$supported" 2>/dev/null || fail "PYTHON=$PYTHON is not a Python from 3.11 to 3.13."
    printf '%s' "$PYTHON"
    return
  fi
  for name in python3 python3.13 python3.12 python3.11 python; do
    if command -v "$name" >/dev/null && "$name" -c "$supported" 2>/dev/null; then
      printf '%s' "$name"
      return
    fi
  done
  fail "Parley needs Python 3.11, 3.12 or 3.13, and none was found." \
       "Install one (Debian, Ubuntu: apt install python3 python3-venv), or name it: make PYTHON=/path/to/python run"
}

if ! { [ -x "$venv/bin/python" ] && "$venv/bin/python" -c "$supported" && "$venv/bin/python" -m pip --version; } >/dev/null 2>&1; then
  python=$(find_python)
  echo "Making $venv with $("$python" -V 2>&1) …"
  rm -rf "$venv"
  if ! output=$("$python" -m venv "$venv" 2>&1); then
    rm -rf "$venv"
    fail "$python cannot make a virtual environment:" "$output" \
         "Debian and Ubuntu keep that in a package of its own: apt install python3-venv"
  fi
fi

# What `make test` installs holds all that `make run` needs.
for done in "$set" dev; do
  stamp=$venv/installed-$done
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(digest "deploy/requirements/$done.txt")" ]; then
    exit 0
  fi
done
echo "Installing $lock into $venv (the first time this takes a minute or two) …"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r "$lock" ||
  fail "The requirements could not be installed; pip says why above."
rm -f "$venv"/installed-*
digest "$lock" > "$venv/installed-$set"
