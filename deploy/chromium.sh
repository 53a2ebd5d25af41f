#!/usr/bin/env bash
# Prints the path of a Chromium for the browser tests, getting one where there is none.
# Usage: chromium.sh PYTHON (one that has Playwright).
set -euo pipefail
python=$1

usable() { [ -n "$1" ] && [ -x "$1" ] && "$1" --version >/dev/null 2>&1; }

offer() { if usable "$1"; then printf '%s\n' "$1"; exit 0; fi; }

system_chromium() {
  local name
  for name in chromium chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" 2>/dev/null && return
  done
  true
}

playwright_chromium() {
  "$python" -c 'from playwright.sync_api import sync_playwright
with sync_playwright() as playwright: print(playwright.chromium.executable_path)' 2>/dev/null || true
}

offer "${PARLEY_CHROMIUM:-}"
offer "$(system_chromium)"
offer "$(playwright_chromium)"
echo "There is no Chromium for the browser tests; getting one …" >&2
timeout 300 "$python" -m playwright install chromium >&2 || true
offer "$(playwright_chromium)"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-liberation >&2 || true
  offer "$(system_chromium)"
fi
echo "The tests drive a real Chromium and none could be had. Install one (apt install chromium), or its libraries" \
     "(playwright install-deps chromium), or name one with PARLEY_CHROMIUM=/path/to/chromium." >&2
exit 1
