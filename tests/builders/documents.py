"""Real files of every format, good and bad, made with the programs that make them elsewhere."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import docx
from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

_LINE = 14
_TIGHT_LINE = 10.5
_LEFT = 60
_TOP = 780

LOREM = (
    "The quarterly inspection of the pumping station found two worn bearings. "
    "Both were replaced on the same day, and the station was back in service by noon. "
)


def pdf(
    path: Path, pages: Sequence[str], *, title: str | None = None, password: str | None = None
) -> Path:
    """Write a PDF with one page a text, each of its lines on a line."""
    encryption = StandardEncryption(password, canPrint=0) if password else None
    canvas = Canvas(str(path), pagesize=A4, encrypt=encryption)
    if title:
        canvas.setTitle(title)
    for page in pages:
        for number, line in enumerate(page.split("\n")):
            canvas.drawString(_LEFT, _TOP - number * _LINE, line)
        canvas.showPage()
    canvas.save()
    return path


def two_column_pdf(path: Path, left: Sequence[str], right: Sequence[str]) -> Path:
    """Write one page with prose side by side, line by line across, as a paper is set."""
    canvas = Canvas(str(path), pagesize=A4)
    canvas.setFont("Helvetica", 9)
    for column, lines in ((_LEFT, left), (320, right)):
        for number, line in enumerate(lines):
            canvas.drawString(column, _TOP - number * _TIGHT_LINE, line)
    canvas.save()
    return path


def chinese_pdf(path: Path, text: str) -> Path:
    """Write one page in a standard font, which is not in the file."""
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    canvas = Canvas(str(path), pagesize=A4)
    canvas.setFont("STSong-Light", 12)
    canvas.drawString(_LEFT, _TOP, text)
    canvas.save()
    return path


def picture(kind: str = "PNG") -> bytes:
    """Return a small picture."""
    content = io.BytesIO()
    Image.new("RGB", (40, 30), "navy").save(content, kind)
    return content.getvalue()


def scanned_pdf(path: Path, pages: int = 2) -> Path:
    """Write a PDF whose pages are pictures, as a scanner does."""
    canvas = Canvas(str(path), pagesize=A4)
    for _ in range(pages):
        canvas.drawImage(ImageReader(io.BytesIO(picture())), _LEFT, _LEFT, 400, 600)
        canvas.showPage()
    canvas.save()
    return path


def damaged_pdf(path: Path) -> Path:
    """Write the first bytes of a PDF and nothing that could be opened."""
    whole = pdf(path, [LOREM]).read_bytes()
    path.write_bytes(whole[:60])
    return path


def word(path: Path, sections: Sequence[tuple[str, Sequence[str]]], title: str = "") -> Path:
    """Write a DOCX: each section a heading of level 1 and its paragraphs."""
    document = docx.Document()
    if title:
        document.add_heading(title, 0)
    for heading, paragraphs in sections:
        document.add_heading(heading, 1)
        for paragraph in paragraphs:
            document.add_paragraph(paragraph)
    document.save(str(path))
    return path


def numbered_word(path: Path, items: Sequence[str]) -> Path:
    """Write a DOCX that holds one numbered list."""
    document = docx.Document()
    for item in items:
        document.add_paragraph(item, style="List Number")
    document.save(str(path))
    return path


def word_with_table(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    """Write a DOCX that holds one table."""
    document = docx.Document()
    table = document.add_table(len(rows), len(rows[0]))
    for row, cells in zip(table.rows, rows, strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    document.save(str(path))
    return path


def word_bomb(path: Path, unpacked: int, *, lying: bool = False) -> Path:
    """Write a DOCX whose body inflates to `unpacked` bytes; a lying one claims 100 instead."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open("word/document.xml", "w", force_zip64=False) as body:
            block = b" " * 1024 * 1024
            for _ in range(unpacked // len(block)):
                body.write(block)
    if lying:
        claimed = (unpacked // (1024 * 1024) * 1024 * 1024).to_bytes(4, "little")
        path.write_bytes(path.read_bytes().replace(claimed, (100).to_bytes(4, "little")))
    return path


def archive_of(path: Path, members: Mapping[str, str]) -> Path:
    """Write a ZIP with these members; a first one named `mimetype` is stored as it is."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            stored = zipfile.ZIP_STORED if name == "mimetype" else None
            archive.writestr(name, content, stored)
    return path


def written(path: Path, content: str | bytes) -> Path:
    """Write a file that holds exactly `content`."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
