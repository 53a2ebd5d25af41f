#!/usr/bin/env python
"""Django's command line for Parley."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "app.settings")
    if sys.argv[1:] == ["up"]:  # lives long, starts often, and has no use for a loaded Django
        from app.embedded.up import main as up

        sys.exit(up())

    from django.core.management import execute_from_command_line

    from app.errors import ParleyError

    try:
        execute_from_command_line(sys.argv)
    except ParleyError as error:
        sys.exit(error.message)


if __name__ == "__main__":
    main()
