"""What five hundred documents of all kinds leave behind."""

import psutil

from services.documents.adapters.parsing.pool import MAX_RESIDENT_BYTES, ProcessParser
from tests.documents.adapters.parsing.files import (
    make_docx,
    make_opendocument,
    make_pdf,
    make_pptx,
    make_xlsx,
)
from tests.documents.adapters.parsing.test_mails import make_mail, make_outlook_mail
from tests.documents.adapters.parsing.test_more_formats import RTF, TEXT

LINE = "The quick brown fox jumps over the lazy dog and goes on its way."


async def test_memory_stays_where_it_was() -> None:
    files = [
        ("a.md", b"# Rules\n\n" + LINE.encode() * 60),
        ("a.docx", make_docx()),
        ("a.pdf", make_pdf([[(11, LINE)] * 40] * 5)),
        ("a.xlsx", make_xlsx()),
        ("a.pptx", make_pptx()),
        ("a.rtf", RTF),
        ("a.odt", make_opendocument("text", TEXT)),
        ("a.eml", make_mail().as_bytes()),
        ("a.msg", make_outlook_mail()),
        ("a.csv", b"Part,Use\n" + b"screw,hold\n" * 2000),
    ]
    ours = psutil.Process()
    async with ProcessParser(processes=1) as parser:
        for filename, content in files * 10:
            await parser.parse(content, filename=filename)
        child = psutil.Process(parser._idle[0]._process.pid)
        before, childs = ours.memory_info().rss, child.memory_info().rss

        # One short of what a child serves before it is replaced.
        for filename, content in (files * 50)[: 499 - 10 * len(files)]:
            await parser.parse(content, filename=filename)

        assert child.is_running()
        assert child.memory_info().rss < min(childs * 1.1, MAX_RESIDENT_BYTES)
        assert ours.memory_info().rss < before * 1.1
