"""Showing what an answer rests on: the cited words where they stand, as text or on the page as it looks.

``parts`` chooses how much of a version to show and what comes before and after it, ``rendering`` makes safe HTML of it
with the words marked, ``pages`` draws pages and finds the words on them, ``opening`` puts together what a reader sees.
"""

from knowledge.viewing.opening import (
    Excerpt,
    OutsideLink,
    excerpt,
    outside_link,
    page_name,
    page_text,
    part_after,
    part_before,
    span_within,
)

__all__ = [
    "Excerpt",
    "OutsideLink",
    "excerpt",
    "outside_link",
    "page_name",
    "page_text",
    "part_after",
    "part_before",
    "span_within",
]
