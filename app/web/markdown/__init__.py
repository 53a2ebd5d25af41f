"""Markdown to safe HTML, whole (``render``) or while it is still being written (``Growing``).

``parsing`` says what is read and how it is drawn, ``formulas`` sets LaTeX as MathML, ``code`` colours it,
``cleaning`` is the second lock, ``growing`` draws a text that arrives in pieces without drawing all of it again:
``lines`` knows what needs no parser, ``blocks`` asks it for the rest, ``seams`` knows where a line grows.
"""

from app.web.markdown.blocks import Parts
from app.web.markdown.growing import Growing
from app.web.markdown.parsing import LEAVING, Links, render

__all__ = ["LEAVING", "Growing", "Links", "Parts", "render"]
