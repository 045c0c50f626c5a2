"""Pages of the web, in the parsing child: where they lead, and what they say besides menus.

What is kept of a page is small HTML without attributes, so that it stays the same while only what
surrounds the content changes, and the reader of HTML takes it from there.
"""

import codecs
import gzip
import html
import io
import re
import zlib
from collections.abc import Iterator
from typing import Any, Final
from xml.etree.ElementTree import ParseError

from selectolax.lexbor import LexborHTMLParser, LexborNode

from services.documents.adapters.parsing.charsets import decode
from services.documents.domain.errors import ParserLimitExceeded
from services.documents.domain.web_addresses import BadAddress, read_address

MAX_LINKS: Final = 3000
MAX_SITEMAP_URLS: Final = 50_000
MAX_SITEMAP_BYTES: Final = 50 * 1024 * 1024
MAX_TITLE_CHARS: Final = 300
SKETCH_SIZE: Final = 128
_SKETCHED_WORDS: Final = 20_000

_UNREAD: Final = [
    *("script", "style", "noscript", "template", "svg", "math", "canvas", "iframe", "object"),
    *("embed", "nav", "footer", "aside", "form", "button", "input", "select", "textarea"),
    *("dialog", "menu", "audio", "video", "map", "link", "meta", "picture", "source", "img"),
]
_HIDDEN: Final = (
    "[hidden], [aria-hidden=true], [role=navigation], [role=banner], [role=contentinfo],"
    " [role=search], [role=menu], [role=dialog], [role=alertdialog], [role=complementary]"
)
_INVISIBLE: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
# Parts that sites put around every page, by what their makers call them.
_SURROUNDING: Final = re.compile(
    r"(?:^|[\s_-])(?:nav|navbar|navigation|navbox|menu|submenu|breadcrumbs?|footer|sidebar|side-bar"
    r"|cookies?|consent|gdpr|newsletter|subscribe|signup|social|share|sharing|related|recommended"
    r"|comments?|disqus|advert|advertisement|ads?|promo|popup|modal|overlay|skip-?link|pagination"
    r"|pager|toolbar|masthead|topbar|site-header|site-footer|sr-only|visually-hidden|toc"
    r"|editsection|noprint|banner)(?:$|[\s_-])",
    re.IGNORECASE,
)
_PARTS: Final = "div, section, ul, ol, header, table, p, span"
# A part that holds so much of a page is the page, whatever it is called.
_MOST: Final = 0.5
# Of a list of links, so much of the text is links.
_LINK_SHARE: Final = 0.7
_MIN_LINKS: Final = 4
# A main part this small beside the whole page is not where the content is.
_MAIN_SHARE: Final = 0.25
_MIN_TEXT_CHARS: Final = 80

_TAG: Final = re.compile(r"<([a-z][a-z0-9]*)((?:\s[^\s=>\"]+(?:=\"[^\"]*\")?)*)\s*/?>")
_KEPT: Final = re.compile(r'\s(?:colspan|rowspan|start)="\d{1,4}"')
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_BLANKS: Final = re.compile(r"\s+")
_META_CHARSET: Final = re.compile(rb"charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)


def read_page(content: bytes, *, url: str, charset: str | None) -> dict[str, Any]:
    """Return the fields of a `ReadPage`, as JSON can hold them."""
    tree = LexborHTMLParser(text_of(content, charset))
    base = _base(tree, url)
    robots = " ".join(
        (node.attributes.get("content") or "").lower()
        for node in tree.css("meta[name=robots i], meta[name=knowrithm i]")
    )
    title = _title(tree)
    links = [] if "nofollow" in robots or "none" in robots.split(",") else _links(tree, base)
    canonical = _canonical(tree, base)
    main = _main_part(tree)
    words = main.text(separator=" ").lower().split() if main is not None else []
    return {
        "content": _small_html(main, title),
        "title": title,
        "canonical": canonical,
        "links": links,
        "noindex": "noindex" in robots or "none" in re.split(r"[\s,]+", robots),
        "sketch": sketch_of(words),
        "word_count": len(words),
    }


def read_sitemap(content: bytes, *, url: str) -> dict[str, Any]:
    """Return the fields of a `ReadSitemap`, as JSON can hold them."""
    text = _unpacked(content)
    pages: list[str] = []
    sitemaps: list[str] = []
    if text.lstrip()[:1] != b"<":
        found = text.decode("utf-8-sig", errors="replace").splitlines()
        pages.extend(line.strip() for line in found[:MAX_SITEMAP_URLS] if line.strip())
    else:
        for kind, place in _entries(text):
            (sitemaps if kind == "sitemap" else pages).append(place)
            if len(pages) + len(sitemaps) >= MAX_SITEMAP_URLS:
                break
    return {"pages": _read_all(pages, url), "sitemaps": _read_all(sitemaps, url)}


def text_of(content: bytes, charset: str | None) -> str:
    """Return a page's text; the order is that of browsers, but what does not decode is passed by.

    Args:
        content: As sent.
        charset: What the server says.
    """
    if not content.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        declared = _META_CHARSET.search(content[:4096])
        named = declared[1].decode("ascii") if declared else None
        for name in ("utf-8", charset, named):
            if name is None:
                continue
            try:
                # A reader of UTF-8 takes no other text, unlike those of single bytes.
                codec = codecs.lookup(name).name
                return content.decode("cp1252" if codec == "iso8859-1" else codec)
            except (LookupError, UnicodeDecodeError):
                continue
    return decode(content)[0]


def sketch_of(words: list[str]) -> list[int]:
    """Return the least hashes of runs of three words: alike for texts that are alike."""
    words = words[:_SKETCHED_WORDS]
    runs = {
        zlib.crc32(" ".join(words[at : at + 3]).encode("utf-8", "replace"))
        for at in range(max(len(words) - 2, min(len(words), 1)))
    }
    return sorted(runs)[:SKETCH_SIZE]


def _base(tree: LexborHTMLParser, url: str) -> str:
    node = tree.css_first("base[href]")
    if node is None:
        return url
    try:
        return read_address(node.attributes.get("href") or "", base=url).url
    except BadAddress:
        return url


def _title(tree: LexborHTMLParser) -> str | None:
    for selector in ("head > title", "title", "h1"):
        node = tree.css_first(selector)
        if node is not None and (words := _BLANKS.sub(" ", node.text()).strip()):
            return words[:MAX_TITLE_CHARS]
    return None


def _links(tree: LexborHTMLParser, base: str) -> list[str]:
    found: dict[str, None] = {}
    for node in tree.css("a[href], area[href]"):
        if len(found) >= MAX_LINKS:
            break
        attributes = node.attributes
        href = attributes.get("href") or ""
        if href[:1] == "#" or "nofollow" in (attributes.get("rel") or "").lower().split():
            continue
        try:
            found[read_address(href, base=base).url] = None
        except BadAddress:
            continue
    return list(found)


def _canonical(tree: LexborHTMLParser, base: str) -> str | None:
    node = tree.css_first("link[rel=canonical i][href]")
    if node is None:
        return None
    try:
        return read_address(node.attributes.get("href") or "", base=base).url
    except BadAddress:
        return None


def _main_part(tree: LexborHTMLParser) -> LexborNode | None:
    """Take out what surrounds the content, and return the part that holds it."""
    tree.strip_tags(_UNREAD, recursive=True)
    body = tree.body or tree.root
    if body is None:
        return None
    whole = len(body.text())
    for node in body.css(_HIDDEN):
        if len(node.text()) < _MOST * whole:
            node.decompose()
    for node in body.css("[style]"):
        if _INVISIBLE.search(node.attributes.get("style") or ""):
            node.decompose()
    _drop_surroundings(body)
    parts = body.css("main, [role=main]") or body.css("article")
    if len(parts) == 1 and len(parts[0].text()) >= _MAIN_SHARE * len(body.text()):
        body = parts[0]
    _drop_lists_of_links(body)
    return body


def _drop_surroundings(body: LexborNode) -> None:
    whole = len(body.text())
    for node in body.css(_PARTS):
        attributes = node.attributes
        name = f"{attributes.get('class') or ''} {attributes.get('id') or ''}"
        if (
            _SURROUNDING.search(name)
            and len(node.text()) < _MOST * whole
            and node.css_first("main, [role=main], article, h1") is None
        ):
            node.decompose()
    for node in body.css("body > header, body > div > header"):
        if node.css_first("h1") is None:
            node.decompose()


def _drop_lists_of_links(body: LexborNode) -> None:
    """Take out parts that are nearly all links, unless little else is left."""
    doomed = []
    left = len(body.text(strip=True))
    inside: set[int] = set()
    for node in body.css("ul, ol, div, table, p"):
        if node.mem_id in inside:
            continue
        links = node.css("a")
        if len(links) < _MIN_LINKS:
            continue
        length = len(node.text(strip=True))
        linked = sum(len(link.text(strip=True)) for link in links)
        if linked > _LINK_SHARE * length:
            doomed.append(node)
            left -= length
            inside.update(inner.mem_id for inner in node.css("*"))
    if left >= _MIN_TEXT_CHARS:
        for node in doomed:
            node.decompose()


def _small_html(main: LexborNode | None, title: str | None) -> str:
    inner = "" if main is None else _COMMENT.sub("", main.html or "")
    inner = _TAG.sub(lambda tag: f"<{tag[1]}{''.join(_KEPT.findall(tag[2]))}>", inner)
    inner = re.sub(r"</?(?:body|html)>", "", inner)
    head = f"<title>{html.escape(title, quote=False)}</title>" if title else ""
    return (
        f'<!doctype html><html><head><meta charset="utf-8">{head}</head><body>{inner}</body></html>'
    )


def _unpacked(content: bytes) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        return content
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        text = file.read(MAX_SITEMAP_BYTES + 1)
    if len(text) > MAX_SITEMAP_BYTES:
        raise ParserLimitExceeded
    return text


def _entries(text: bytes) -> Iterator[tuple[str, str]]:
    """Yield (`url` or `sitemap`, address), as far as the file can be read."""
    from defusedxml import DefusedXmlException  # noqa: PLC0415 - for sitemaps only
    from defusedxml.ElementTree import iterparse  # noqa: PLC0415 - for sitemaps only

    kind = ""
    try:
        for event, element in iterparse(io.BytesIO(text), events=("start", "end")):
            name = element.tag.rpartition("}")[2]
            if event == "start":
                if name in ("url", "sitemap"):
                    kind = name
                continue
            if name == "loc" and kind and element.text:
                yield kind, element.text.strip()
                kind = ""
            if name in ("url", "sitemap"):
                element.clear()
    except (ParseError, DefusedXmlException, ValueError):
        return


def _read_all(places: list[str], base: str) -> list[str]:
    found: dict[str, None] = {}
    for place in places:
        try:
            found[read_address(place, base=base).url] = None
        except BadAddress:
            continue
    return list(found)
