"""Text on its ground, in light and dark: 4.5 to 1 (WCAG AA), 7 to 1 for what is read at length, 3 to 1 for controls."""

import math
import re
from pathlib import Path

import pytest

CSS = Path(__file__).resolve().parents[2] / "static/css"
READ, TEXT, CONTROL = 7.0, 4.5, 3.0
PAIRS = [
    *[("n12", ground, READ) for ground in ("n1", "n2", "n3", "n4", "n5", "float", "accent-soft")],
    ("n11", "n1", READ),
    ("mark-ink", "mark", READ),
    *[("n11", ground, TEXT) for ground in ("n2", "n3", "n4", "n5")],
    *[("n10", ground, TEXT) for ground in ("n1", "n2", "n3", "n4", "n5", "float", "accent-soft")],
    *[("accent", ground, TEXT) for ground in ("n1", "n2", "n3", "accent-soft")],
    *[(tone, ground, TEXT) for tone in ("amber", "green", "red") for ground in ("n1", f"{tone}-soft")],
    ("accent-strong", "accent-soft", TEXT),
    ("on-accent", "accent", TEXT),
    ("on-accent", "accent-strong", TEXT),
    ("on-red", "red", TEXT),
    ("red", "float", TEXT),
    *[(f"code-{kind}", "n2", TEXT) for kind in ("word", "text", "number", "name", "aside")],
    ("n8", "n1", CONTROL),
    ("accent", "n1", CONTROL),
]


def _luminance(lightness: float, chroma: float, hue: float) -> float:
    """Relative luminance (WCAG 2) of an OKLCH colour; matrices from Ottosson, "A perceptual color space" (2020)."""
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    l, m, s = (  # noqa: E741
        (lightness + x * a + y * b) ** 3
        for x, y in ((0.3963377774, 0.2158037573), (-0.1055613458, -0.0638541728), (-0.0894841775, -1.291485548))
    )
    red = 4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s
    green = -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s
    blue = -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s
    return sum(w * min(1.0, max(0.0, c)) for w, c in zip((0.2126, 0.7152, 0.0722), (red, green, blue), strict=True))


def _colours() -> dict[str, tuple[float, float]]:
    """Luminance of every token in light and dark."""
    text = (CSS / "tokens.css").read_text().split("@media (prefers-contrast")[0] + (CSS / "code.css").read_text()
    colour = r"oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)"
    return {
        name: (_luminance(*map(float, values[:3])), _luminance(*map(float, values[3:])))
        for name, *values in re.findall(rf"--([\w-]+): light-dark\({colour}, {colour}\)", text)
    }


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground", "ratio"), PAIRS, ids=lambda value: str(value))
def test_text_stands_out_from_its_ground(text: str, ground: str, ratio: float, theme: int) -> None:
    colours = _colours()
    lighter, darker = sorted((colours[text][theme], colours[ground][theme]), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= ratio
