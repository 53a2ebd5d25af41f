"""What Parley is made of: licences by a list, an inventory that is whole, and no good news from nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.supply import audit, licences, parts, sbom
from deploy.supply.parts import SupplyError


def test_every_part_is_under_a_licence_of_the_list() -> None:
    assert licences.check() == []


@pytest.mark.parametrize(
    ("expression", "is_allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("Apache-2.0 OR GPL-2.0-or-later", True),
        ("MIT AND GPL-2.0-only", False),
        ("(MIT OR GPL-2.0-only) AND BSD-3-Clause", True),
        ("MIT AND (GPL-2.0-only OR AGPL-3.0-only)", False),
        ("LicenseRef-Whatever", False),
    ],
)
def test_expressions_are_read_as_they_bind(expression: str, is_allowed: bool) -> None:
    assert licences.is_allowed(expression) is is_allowed


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        ({"License-Expression": ["MIT"]}, "MIT"),
        ({"Classifier": ["License :: OSI Approved :: MIT License"]}, "MIT"),
        ({"Classifier": ["License :: OSI Approved :: A License of Their Own"], "License": ["see the file"]}, ""),
        ({"License": ["Copyright (c) somebody\nand much more"]}, ""),
        ({}, ""),
    ],
)
def test_what_says_nothing_clear_says_nothing(metadata: dict[str, list[str]], licence: str) -> None:
    class Metadata:
        def get(self, name: str) -> str | None:
            return next(iter(metadata.get(name, [])), None)

        def get_all(self, name: str, default: Any) -> list[str]:
            return metadata.get(name, default)

    assert parts.licence_of("some-part", Metadata()) == licence


def test_a_part_under_another_licence_or_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [
        parts.Part("strange", "1", "AGPL-3.0-only"),
        parts.Part("silent", "2", ""),
        parts.Part("djlint", "3", "MIT"),
    ]
    made.append(parts.Part("hypothesis", "4", "MPL-2.0"))
    monkeypatch.setattr(licences, "parts", lambda lock: made)
    said = " ".join(licences.check())
    assert "strange 1 is under AGPL-3.0-only" in said
    assert "silent 2 does not say" in said
    assert "djlint is now under MIT" in said
    assert "hypothesis may be built with and not given away" in said
    assert "certifi has an exception and is no part any more" in said


def test_the_inventory_names_every_locked_part_and_the_scripts_inside(tmp_path: Path) -> None:
    count = sbom.write(tmp_path / "sbom.cdx.json")
    made = json.loads((tmp_path / "sbom.cdx.json").read_text())
    named = {(each["name"].lower().replace("_", "-").replace(".", "-"), each["version"]) for each in made["components"]}
    wanted = {
        (each.name.lower().replace(".", "-"), str(each.specifier).removeprefix("=="))
        for each in parts.locked(licences.SHIPPED)
    }
    assert wanted <= named
    assert count == len(made["components"]) >= len(wanted)
    assert {each.name for each in parts.scripts()} <= {each["name"] for each in made["components"]}
    assert made["bomFormat"] == "CycloneDX"
    here = {each.name for each in parts.parts(licences.SHIPPED)}
    without = [each["name"] for each in made["components"] if each["name"] in here and not each.get("licenses")]
    assert without == []


def test_a_script_of_another_version_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    other = {**parts.told()["script"][0], "marker": 'version:"9.9.9"'}
    monkeypatch.setattr(parts, "told", lambda: {"script": [other]})
    with pytest.raises(SupplyError, match=r"no longer holds htmx\.org"):
        parts.scripts()


def test_an_answer_that_is_not_whole_is_no_good_news(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = [
        {"name": "django", "version": "5.2.1", "vulns": [{"id": "CVE-1", "fix_versions": ["5.2.2"]}]},
        {"name": "nh3", "skip_reason": "not found in the index"},
        {"name": "redis", "version": "0.1", "vulns": []},
    ]
    wanted = {"django": "5.2.1", "nh3": "0.3", "redis": "6.0", "lxml": "5.4"}
    said = list(audit._problems(answer, wanted))
    assert len(said) == 4
    assert "django 5.2.1 has CVE-1; mended in 5.2.2." in said
    assert any(each.startswith("nh3 0.3 was not looked at: not found") for each in said)
    assert any(each.startswith("redis 6.0 was not looked at") for each in said)
    assert any(each.startswith("lxml 5.4 was not looked at") for each in said)


def test_when_nobody_answers_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pytest.raises(SupplyError, match="nothing is known"):
        audit.check(licences.BUILT_WITH)


def test_an_answer_from_elsewhere_is_judged_by_the_same_rules(tmp_path: Path) -> None:
    answer = tmp_path / "answer.json"
    here = [each for each in parts.locked(licences.BUILT_WITH) if parts.is_wanted_here(each)]
    locked = {each.name: str(each.specifier).removeprefix("==") for each in here}
    said = [{"name": name, "version": version, "vulns": []} for name, version in locked.items()]
    answer.write_text(json.dumps({"dependencies": said}))
    assert audit.check(licences.BUILT_WITH, answer) == []
    said[0]["vulns"] = [{"id": "CVE-1", "fix_versions": []}]
    answer.write_text(json.dumps({"dependencies": said[:-1]}))
    [hole, left_out] = sorted(audit.check(licences.BUILT_WITH, answer), key=lambda each: "CVE-1" not in each)
    assert "CVE-1" in hole
    assert "was left out" in left_out
    answer.write_text("[]")
    with pytest.raises(SupplyError, match="nothing is known"):
        audit.check(licences.BUILT_WITH, answer)
