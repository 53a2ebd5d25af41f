"""The inventory as CycloneDX JSON: what is given away with Parley, with licences, hashes and the scripts inside."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from deploy.supply.licences import SHIPPED
from deploy.supply.parts import LOCKS, parts, scripts

ROOT = LOCKS.parent.parent


def write(into: Path) -> int:
    """Write it, and return how many components it has."""
    command = [str(Path(sys.executable).with_name("cyclonedx-py")), "requirements", str(LOCKS / f"{SHIPPED}.txt")]
    command += [
        "--pyproject",
        str(ROOT / "pyproject.toml"),
        "--output-reproducible",
        "--no-validate",
        "--of",
        "JSON",
        "--sv",
        "1.6",
    ]
    made: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    licences = {part.name: part.licence for part in parts(SHIPPED)}
    for component in made["components"]:
        if expression := licences.get(component["name"].lower().replace("_", "-")):
            component["licenses"] = [{"expression": expression}]
        component.pop("description", None)
    made["components"] += [
        {
            "type": "library",
            "bom-ref": f"{each.inside}/{each.file}",
            "name": each.name,
            "version": each.version,
            "purl": f"pkg:npm/{each.name}@{each.version}",
            "licenses": [{"expression": each.licence}],
            "properties": [{"name": "parley:inside", "value": f"{each.inside}: {each.file}"}],
        }
        for each in scripts()
    ]
    into.parent.mkdir(parents=True, exist_ok=True)
    into.write_text(json.dumps(made, indent=2, sort_keys=True) + "\n")
    return len(made["components"])
