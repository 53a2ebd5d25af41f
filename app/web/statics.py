"""Style sheets and scripts as they are handed out: without comments and spaces, compressed, named by their content.

Only where files are collected (STATIC_ROOT): there a browser keeps each for good, since a changed one has another name.
"""

from typing import Any

import rcssmin
import rjsmin
from django.core.files.base import ContentFile, File
from whitenoise.storage import CompressedManifestStaticFilesStorage


class SmallStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """WhiteNoise's storage, which takes the comments out of what is ours before it names and compresses it."""

    support_js_module_import_aggregation = True  # our modules import each other by their own names

    def _save(self, name: str, content: "File[Any]") -> str:
        return str(super()._save(name, smaller(name, content)))


def smaller(name: str, content: "File[Any]") -> "File[Any]":
    """The same file with fewer bytes; what is minified already, or neither CSS nor JavaScript, is left as it is."""
    if ".min." in name or not name.endswith((".css", ".js")):
        return content
    content.seek(0)
    text = content.read().decode()
    return ContentFile((rcssmin.cssmin if name.endswith(".css") else rjsmin.jsmin)(text).encode())
