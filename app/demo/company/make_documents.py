"""Write the demo company's PDF and Word files: `python -m app.demo.company.make_documents`.

The results are committed beside the Markdown pages, so that a fresh install needs neither reportlab nor this script;
it stays here so that a fact can be changed and the files made again. Dates and ids inside the files are fixed, so
that an unchanged script gives unchanged files.
"""

import datetime
import zipfile
from pathlib import Path

import docx
from docx.document import Document
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.platypus import CondPageBreak, Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from app.demo.company import FOLDER

RATES_NAME = "travel-expense-rates-2026.pdf"
CHECKLIST_NAME = "onboarding-checklist.docx"
RATES_TITLE = "Travel expense rates 2026"
CHECKLIST_TITLE = "Onboarding checklist"

WRITTEN_ON = datetime.datetime(2026, 1, 5, 9, 0, 0)

Row = tuple[str, ...]
Block = str | tuple[Row, ...]
Section = tuple[str, tuple[Block, ...]]
# A section is a heading and its blocks; a block is a paragraph or a table whose first row is the head.
RATES: tuple[Section, ...] = (
    (
        "1. What these rates are for",
        (
            "The rules for business travel are on the page Business travel and expenses. This document gives the "
            "amounts. The rates apply to trips that begin between 1 January and 31 December 2026, and after that "
            "until new rates are published.",
            "All amounts are in euro. Amounts in another currency are converted at the European Central Bank's "
            "rate of the last day of the trip; Tollbook does this for you.",
        ),
    ),
    (
        "2. Daily allowance for meals",
        (
            "The daily allowance pays for your meals on a trip away from your site. You claim it without receipts. "
            "It depends on the country in which you are at midnight, or, on the last day, on the country in which "
            "you worked last.",
            (
                ("Group", "Countries", "Full day", "First and last day"),
                ("A", "Denmark, Iceland, Ireland, Luxembourg, Norway, Switzerland, United Kingdom", "€66", "€33"),
                ("B", "Austria, Belgium, Finland, France, Germany, Italy, Netherlands, Spain, Sweden", "€54", "€27"),
                ("C", "all other countries of Europe", "€44", "€22"),
                ("D", "all countries outside Europe", "€60", "€30"),
            ),
            "A full day is one on which you are away for 24 hours. The first and the last day of a trip are paid at "
            "half the rate, whatever the hour. A trip within one day is paid at half the rate when you are away for "
            "more than eight hours. Shorter trips have no allowance.",
            "When you stay in the same place for more than 14 nights, the daily allowance falls to 70 percent from "
            "the fifteenth day.",
        ),
    ),
    (
        "3. Meals that somebody else pays",
        (
            "The allowance is cut for each meal that a host, a hotel, an airline on a long flight, or the company "
            "provides. The cut is a part of the full-day rate, also on the first and the last day.",
            (
                ("Meal provided", "Cut from the allowance"),
                ("Breakfast", "20 percent"),
                ("Lunch", "40 percent"),
                ("Dinner", "40 percent"),
            ),
            "A hotel breakfast that is included in the price of the room cuts the daily allowance by 20 percent. "
            "Coffee, cake and sandwiches at a meeting are not a meal. The allowance never falls below zero.",
        ),
    ),
    (
        "4. Hotels",
        (
            "The limits are for one night in a single room with breakfast, taxes included. Waypoint shows only "
            "hotels within the limit unless you tick Exception and give a reason.",
            (
                ("Place", "Limit for one night"),
                ("Amsterdam, Copenhagen, Geneva, London, Oslo, Paris, Zurich", "€210"),
                ("Other capitals, and cities with more than a million people", "€165"),
                ("All other places", "€130"),
                ("Outside Europe", "€190"),
            ),
            "During a trade fair the hotel limit may be passed by up to 50 percent if your manager agrees before "
            "you book. If you stay with friends or family instead of a hotel, you receive €25 a night without a "
            "receipt, up to five nights a trip.",
        ),
    ),
    (
        "5. Your own car, motorcycle or bicycle",
        (
            "Use your own car only when the train would take at least an hour longer, or when you carry "
            "instruments. The allowance covers fuel, wear and insurance.",
            (
                ("Vehicle", "For each kilometre"),
                ("Car", "€0.38"),
                ("Motorcycle or scooter", "€0.22"),
                ("Bicycle, with or without motor", "€0.15"),
                ("Each colleague who rides with you", "€0.05 more"),
            ),
            "Driving your own car on business is paid at €0.38 for each kilometre. Up to 400 kilometres are paid for "
            "one trip; for more, take a rental car or the train. The way between your home and your usual site is "
            "not a business trip.",
            "Tolls and ferries are paid in full. Parking is paid up to €18 a day. Damage to your own car on a trip "
            "is covered by the company's insurance with an excess of €250, which the company pays.",
        ),
    ),
    (
        "6. Other costs",
        (
            (
                ("Cost", "Paid up to", "Receipt"),
                ("Laundry, on trips of more than six nights", "€22 a week", "yes"),
                ("Tips", "5 percent of the bill", "on the bill"),
                ("Luggage for instruments", "in full", "yes"),
                ("Visa and vaccination for the trip", "in full", "yes"),
                ("Mobile data bought abroad", "€20 a trip", "yes"),
            ),
            "A passport is your own affair; the express fee is paid when a trip was ordered less than three weeks "
            "ahead. Vaccinations are given by Dr. Marwick in Marrendal if you call six weeks before.",
        ),
    ),
    (
        "7. An example",
        (
            "You travel from Orlenz to Vienna on Monday and come back on Wednesday. On Tuesday the customer invites "
            "you to lunch. Vienna is in Austria, so group B counts.",
            (
                ("Day", "Rate", "Cut", "You receive"),
                ("Monday, first day", "€27.00", "–", "€27.00"),
                ("Tuesday, full day", "€54.00", "€21.60 for lunch", "€32.40"),
                ("Wednesday, last day", "€27.00", "–", "€27.00"),
                ("Sum", "", "", "€86.40"),
            ),
            "Questions about the rates go to Luc Fontenay in Finance, extension 2300. The next rates are published "
            "in the first week of December.",
        ),
    ),
)

CHECKLIST: tuple[Section, ...] = (
    (
        "How to use this list",
        (
            "The hiring manager works through this list for every new employee and ticks each line in Almanac. The "
            "page Onboarding explains the rules behind it. Lines marked with a star are not needed for apprentices, "
            "who have a list of their own from week 2.",
            "If a line is late by more than three working days, Almanac tells the People partner.",
        ),
    ),
    (
        "Before the first day",
        (
            (
                ("Task", "Who", "By when"),
                ("Order laptop, phone and access in Lantern", "Manager", "15 working days before"),
                ("Send the Almanac link and the contract", "People team", "3 weeks before"),
                ("Name a buddy and tell the team", "Manager", "10 working days before"),
                ("Check the work permit, if one is needed", "People team", "15 days before"),
                ("Reserve a desk or a locker", "Facilities", "5 working days before"),
                ("Call the new colleague", "Buddy", "in the week before"),
                ("Plan the first week and send it out", "Manager", "2 working days before"),
            ),
            "The manager orders laptop, phone and access at least 15 working days before the first day. For Vessby, "
            "order work clothes and safety shoes at the same time; the sizes are in Almanac.",
        ),
    ),
    (
        "The first day",
        (
            (
                ("Task", "Who", "By when"),
                ("Meet at reception, badge, photograph", "Manager", "09:30"),
                ("Hand over laptop, second factor, recovery codes", "Help desk", "10:00"),
                ("Lunch", "Buddy", "12:00"),
                ("Tour of the site: exits, first aid, canteen", "Buddy", "13:00"),
                ("Safety instruction, signed", "Safety officer", "before entering a workshop"),
                ("First talk: role, goals, working hours", "Manager", "15:00"),
            ),
            "The new employee prints the recovery codes on the first day and takes them home. Whoever is not at "
            "reception at 09:30 to meet a new colleague sends someone else.",
        ),
    ),
    (
        "The first month",
        (
            (
                ("Task", "Who", "By when"),
                ("Trial of Almanac, Tollbook and Lantern together", "Buddy", "day 3"),
                ("Introduction to five people outside the team *", "Manager", "day 10"),
                ("Basic security training done", "New employee", "as the page Onboarding says"),
                ("Half a day in production in Vessby *", "Buddy", "week 3"),
                ("Welcome day in Marrendal", "People team", "first Thursday of the next month"),
                ("30-day talk", "Manager", "day 30"),
            ),
            "Every new employee spends half a day in production in Vessby in the third week, to see how an "
            "instrument is built. People who work in Vessby visit the calibration laboratory instead.",
        ),
    ),
    (
        "Months two to six",
        (
            (
                ("Task", "Who", "By when"),
                ("60-day talk", "Manager", "day 60"),
                ("90-day talk, goals for the year *", "Manager", "day 90"),
                ("Feedback on the onboarding, seven questions", "New employee", "day 100"),
                ("Decision on probation", "Manager", "end of month 5"),
                ("Buddy time ends, thank-you voucher", "People team", "end of month 6"),
            ),
            "The buddy receives a voucher of €40 when the six months are over. Write a note in Almanac if something "
            "on this list made no sense; the People team goes through the notes every quarter.",
        ),
    ),
)


def write_rates(path: Path) -> None:
    """Write the travel expense rates as a PDF of A4 pages with headings, bookmarks and tables."""
    styles = getSampleStyleSheet()
    story: list[Flowable] = [
        Paragraph(RATES_TITLE, styles["Title"]),
        Paragraph("Halden & Rook Instruments · Finance · luc.fontenay@haldenrook.example", styles["Normal"]),
        Spacer(1, 5 * mm),
    ]
    for heading, blocks in RATES:
        story.append(CondPageBreak(60 * mm))
        story.append(_Heading(heading, styles["Heading2"]))
        for block in blocks:
            story.append(_pdf_block(block, styles["BodyText"]))
            story.append(Spacer(1, 2 * mm))
    document = _NumberedDocument(
        str(path),
        pagesize=A4,
        title=RATES_TITLE,
        author="luc.fontenay@haldenrook.example",
        subject="Amounts for business trips",
        lang="en",
        invariant=1,
        leftMargin=24 * mm,
        rightMargin=24 * mm,
    )
    document.build(story)


def write_checklist(path: Path) -> None:
    """Write the onboarding checklist as a Word document with headings and tables."""
    document = docx.Document()
    properties = document.core_properties
    properties.title = CHECKLIST_TITLE
    properties.author = "marta.lindqvist@haldenrook.example"
    properties.last_modified_by = properties.author
    properties.comments = ""
    properties.created = properties.modified = WRITTEN_ON
    document.add_heading(CHECKLIST_TITLE, level=0)
    document.add_paragraph("Halden & Rook Instruments · People team · people@haldenrook.example")
    for heading, blocks in CHECKLIST:
        document.add_heading(heading, level=1)
        for block in blocks:
            if isinstance(block, str):
                document.add_paragraph(block)
            else:
                _add_word_table(document, block)
    document.save(str(path))
    _fix_zip_dates(path)


class _NumberedDocument(SimpleDocTemplate):  # type: ignore[misc]  # reportlab has no types
    """A4 pages with a number at the foot, written last so that extracted text does not begin with it."""

    def afterPage(self) -> None:
        self.canv.setFont("Helvetica", 8)
        self.canv.drawCentredString(A4[0] / 2, 12 * mm, f"{RATES_TITLE} · page {self.page}")


class _Heading(Paragraph):  # type: ignore[misc]  # reportlab has no types
    """A heading that also becomes a bookmark of the PDF."""

    def draw(self) -> None:
        text = self.getPlainText()
        self.canv.bookmarkPage(text)
        self.canv.addOutlineEntry(text, text)
        super().draw()


def _pdf_block(block: Block, style: ParagraphStyle) -> Flowable:
    if isinstance(block, str):
        return Paragraph(block, style)
    rows = [[Paragraph(cell, style) for cell in row] for row in block]
    table = Table(rows, colWidths=_column_widths(block), hAlign="LEFT", repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#e6ecf2")),
                ("GRID", (0, 0), (-1, -1), 0.4, colors.HexColor("#8896a5")),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ]
        )
    )
    return table


def _column_widths(rows: tuple[Row, ...]) -> list[float]:
    """Share 160 mm among the columns by their longest cell, none narrower than a word such as "Group"."""
    longest = [min(max(len(row[column]) for row in rows), 60) + 6 for column in range(len(rows[0]))]
    return [160 * mm * length / sum(longest) for length in longest]


def _add_word_table(document: Document, rows: tuple[Row, ...]) -> None:
    table = document.add_table(rows=len(rows), cols=len(rows[0]), style="Light Grid Accent 1")
    for row, texts in zip(table.rows, rows, strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text


def _fix_zip_dates(path: Path) -> None:
    """Write the archive again with one date for every member, because python-docx puts the clock's time in."""
    with zipfile.ZipFile(path) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            member = zipfile.ZipInfo(name, date_time=WRITTEN_ON.timetuple()[:6])
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, content)


if __name__ == "__main__":
    write_rates(FOLDER / "everyone" / RATES_NAME)
    write_checklist(FOLDER / "everyone" / CHECKLIST_NAME)
