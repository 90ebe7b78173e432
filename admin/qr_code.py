"""QR codes as drawings within a page: no file is fetched, and no style is inline."""

from __future__ import annotations

import segno
from markupsafe import Markup


def qr_code(text: str) -> Markup:
    """Return the drawing of a text; it has no colours of its own."""
    drawing = segno.make(text, error="m", micro=False)
    inline = drawing.svg_inline(scale=3, border=2, omitsize=True, svgclass="code")
    return Markup(inline)  # noqa: S704 - a drawing holds paths, and no text of the caller
