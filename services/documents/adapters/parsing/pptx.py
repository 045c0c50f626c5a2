"""Presentations: a slide is a page; its title is a heading, its notes follow it."""

import io
from collections.abc import Iterable, Iterator
from typing import Any, Final

import pptx
from pptx.enum.shapes import MSO_SHAPE_TYPE

from services.documents.adapters.parsing.layout import Layout
from services.documents.adapters.parsing.tables import markdown_tables
from services.documents.domain.errors import ParserLimitExceeded

MAX_SLIDES: Final = 5_000
MAX_DEPTH: Final = 20
# Longer ones are text that somebody put into the title's frame.
MAX_TITLE_CHARS: Final = 120
_MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.presentationml.presentation"


def read_pptx(content: bytes) -> Layout:
    """Read a presentation."""
    presentation = pptx.Presentation(io.BytesIO(content))
    slides = presentation.slides
    if len(slides) > MAX_SLIDES:
        raise ParserLimitExceeded
    layout = Layout("pptx", _MEDIA_TYPE, page_count=len(slides))
    layout.title = (presentation.core_properties.title or "").strip() or None
    for page, slide in enumerate(slides, start=1):
        title = slide.shapes.title
        name = title.text_frame.text.strip() if title is not None else ""
        if name and len(name) <= MAX_TITLE_CHARS:
            layout.heading(name, level=1, page=page)
        else:
            layout.place(f"Slide {page}", level=1)
        for shape in _shapes(slide.shapes):
            if title is None or shape.shape_id != title.shape_id or len(name) > MAX_TITLE_CHARS:
                _add_shape(layout, shape, page)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            layout.add(slide.notes_slide.notes_text_frame.text, page=page)
    return layout


# python-pptx's shape classes share no base that its checks narrow; duck typing is its own advice.
def _shapes(shapes: Iterable[Any], *, depth: int = 0) -> Iterator[Any]:
    """Yield shapes in reading order, those inside groups too."""
    for shape in sorted(shapes, key=lambda shape: (shape.top or 0, shape.left or 0)):
        if shape.shape_type == MSO_SHAPE_TYPE.GROUP and depth < MAX_DEPTH:
            yield from _shapes(shape.shapes, depth=depth + 1)
        else:
            yield shape


def _add_shape(layout: Layout, shape: Any, page: int) -> None:
    if getattr(shape, "has_table", False):
        rows = [[cell.text for cell in row.cells] for row in shape.table.rows]
        for text in markdown_tables(rows):
            layout.add(text, page=page)
    elif getattr(shape, "has_chart", False):
        chart = shape.chart
        if chart.has_title and chart.chart_title.has_text_frame:
            layout.add(chart.chart_title.text_frame.text, page=page)
    elif shape.has_text_frame:
        layout.add(shape.text_frame.text, page=page)
