"""Which browser the benchmarks look at pages with."""

import os
import shutil

from bench.harness import BenchError


def find_chromium() -> str:
    """The path of PARLEY_CHROMIUM, or of one that is installed. Raises BenchError where there is none."""
    for name in (os.environ.get("PARLEY_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"):
        if name and (found := shutil.which(name)):
            return found
    raise BenchError("This looks at pages in a Chromium: install one, or name it with PARLEY_CHROMIUM.")
