"""HTML: headings, paragraphs, lists and tables of the content, without what surrounds it."""

import re
from collections.abc import Iterator
from typing import Final, Literal

from selectolax.lexbor import LexborHTMLParser, LexborNode

from services.documents.adapters.parsing.charsets import decode
from services.documents.adapters.parsing.layout import Layout
from services.documents.adapters.parsing.tables import markdown_tables

_DROPPED: Final = frozenset(
    [
        "script",
        "style",
        "noscript",
        "template",
        "svg",
        "math",
        "canvas",
        "iframe",
        "object",
        "embed",
        "nav",
        "footer",
        "aside",
        "form",
        "button",
        "input",
        "select",
        "textarea",
        "head",
        "dialog",
        "menu",
        "audio",
        "video",
        "map",
    ]
)
_BLOCKS: Final = frozenset(
    [
        "address",
        "article",
        "blockquote",
        "body",
        "center",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "header",
        "hgroup",
        "hr",
        "html",
        "legend",
        "li",
        "main",
        "ol",
        "p",
        "section",
        "summary",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
_HEADINGS: Final = {f"h{level}": level for level in range(1, 7)}
_DROPPED_ROLES: Final = frozenset({"navigation", "banner", "contentinfo", "search", "menu"})
_INVISIBLE: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
# A main part this small beside the whole page is not where the content is.
_MAIN_SHARE: Final = 0.25

Event = tuple[Literal["enter", "leave"], LexborNode]


def read_html(content: bytes) -> Layout:
    """Read a page."""
    text, warning = decode(content)
    layout = Layout("html", "text/html")
    if warning:
        layout.warnings.append(warning)
    add_html(layout, text)
    return layout


def add_html(layout: Layout, html: str) -> None:
    """Append the content of an HTML text; its `<title>` becomes the document's."""
    tree = LexborHTMLParser(html)
    title = tree.css_first("head > title") or tree.css_first("title")
    if title is not None and layout.title is None:
        layout.title = " ".join(title.text().split()) or None
    root = tree.body or tree.root
    if root is not None:
        _Reader(layout).read(_main_part(root))


class _Reader:
    """Walks the tree without recursion: nesting is the author's, and may be hostile."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._inline: list[str] = []
        self._prefix = ""

    def read(self, root: LexborNode) -> None:
        for event, node in _walk(root):
            tag = node.tag
            if event == "leave":
                if tag in _BLOCKS:
                    self._flush()
            elif tag == "-text":
                self._inline.append(re.sub(r"\s+", " ", node.text_content or ""))
            elif tag == "br":
                self._inline.append("\n")
            elif tag in _HEADINGS:
                self._flush()
                self._layout.heading(node.text(separator=" "), level=_HEADINGS[tag])
            elif tag == "table":
                self._flush()
                for part in markdown_tables(_rows(node)):
                    self._layout.add(part)
            elif tag == "pre":
                self._flush()
                self._layout.add(node.text(), tidy=False)
            elif tag in _BLOCKS:
                self._flush()
                if tag == "li":
                    self._prefix = "- "
        self._flush()

    def _flush(self) -> None:
        text = "".join(self._inline)
        self._inline = []
        if text.strip():
            self._layout.add(self._prefix + text.strip())
            self._prefix = ""


def _walk(root: LexborNode) -> Iterator[Event]:
    yield "enter", root
    node: LexborNode | None = root.child if _is_opened(root) else None
    depth: list[LexborNode] = [root]
    while depth:
        if node is None:
            left = depth.pop()
            yield "leave", left
            node = left.next if depth else None
            continue
        if _is_dropped(node):
            node = node.next
            continue
        yield "enter", node
        if _is_opened(node) and node.child is not None:
            depth.append(node)
            node = node.child
        else:
            yield "leave", node
            node = node.next


def _is_opened(node: LexborNode) -> bool:
    """Whether the children are read one by one; a few elements are read as a whole."""
    tag = node.tag
    if tag == "table":
        # A table in a table lays out a page; only the innermost hold data.
        return len(node.css("table")) > 1
    return tag not in _HEADINGS and tag != "pre"


def _is_dropped(node: LexborNode) -> bool:
    tag = node.tag
    if tag in _DROPPED:
        return True
    if tag is None or tag.startswith(("-", "!", "_")):
        return tag != "-text"
    attributes = node.attributes
    if not attributes:
        return False
    return (
        "hidden" in attributes
        or attributes.get("aria-hidden") == "true"
        or attributes.get("role") in _DROPPED_ROLES
        or bool(_INVISIBLE.search(attributes.get("style") or ""))
    )


def _rows(table: LexborNode) -> list[list[str]]:
    if len(table.css("table")) > 1:
        return []
    return [[cell.text(separator=" ") for cell in row.css("th, td")] for row in table.css("tr")]


def _main_part(body: LexborNode) -> LexborNode:
    parts = body.css("main, [role=main]") or body.css("article")
    if len(parts) != 1:
        return body
    whole = len(body.text())
    return parts[0] if len(parts[0].text()) >= _MAIN_SHARE * whole else body
