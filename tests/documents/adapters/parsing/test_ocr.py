"""Text off pictures: the real Tesseract, in the confined process that documents are read in."""

import io
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from services.documents.adapters.parsing.ocr import OcrChoice, find_ocr
from services.documents.adapters.parsing.pool import ProcessParser
from services.documents.domain.errors import (
    CorruptDocument,
    NoText,
    ParserLimitExceeded,
    ScanFound,
)
from tests.documents.adapters.parsing.files import make_scan
from tests.documents.adapters.parsing.test_mails import make_mail

CHOICE, _ = find_ocr("eng", max_pages=3)
needs_tesseract = pytest.mark.skipif(
    CHOICE is None, reason="tesserocr, or tessdata's eng.traineddata, is not installed here"
)
LINES = ("The warehouse in Rotterdam", "accepts returns for thirty days.")


def make_picture(*lines: str, size: tuple[int, int] = (1240, 600)) -> Image.Image:
    picture = Image.new("L", size, 255)
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        draw.text((80, 80 + 70 * number), line, font=ImageFont.load_default(40), fill=0)
    return picture


def saved(picture: Image.Image, kind: str, **more: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **more)
    return buffer.getvalue()


def make_scanned_pdf(*pages: str | None) -> bytes:
    """Make a PDF of pages with real text, or, where it is None, a picture of `LINES`."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4)
    for text in pages:
        if text is None:
            picture = ImageReader(make_picture(*LINES))
            canvas.drawImage(picture, 50, 400, width=500, height=242)
        else:
            canvas.drawString(60, 700, text)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


@needs_tesseract
class TestPictures:
    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
    async def test_text_is_read_off_them(self, kind: str) -> None:
        async with ProcessParser(processes=1, ocr=CHOICE) as parser:
            document = await parser.parse(saved(make_picture(*LINES), kind), filename="scan")

        assert document.document_type == kind.lower()
        assert "warehouse in Rotterdam" in document.text
        assert "thirty days" in document.text
        assert document.warnings == ("pages_recognised:1",)
        assert {block.page for block in document.blocks} == {1}

    async def test_pages_of_a_fax_are_pages(self) -> None:
        first, second = make_picture("The first page of all"), make_picture("The second of them")
        fax = saved(first, "TIFF", save_all=True, append_images=[second])

        async with ProcessParser(processes=1, ocr=CHOICE) as parser:
            document = await parser.parse(fax, filename="fax.tif")

        assert document.page_count == 2
        assert [block.page for block in document.blocks] == [1, 2]

    async def test_it_is_left_for_later_where_others_wait(self) -> None:
        picture = saved(make_picture(*LINES), "PNG")
        mail = make_mail()
        mail.add_attachment(picture, maintype="image", subtype="png", filename="scan.png")
        async with ProcessParser(processes=1, ocr=CHOICE) as parser:
            for content, name in (
                (picture, "scan.png"),
                (make_scanned_pdf("Real text", None), "half.pdf"),
                (mail.as_bytes(), "mail.eml"),
            ):
                with pytest.raises(ScanFound):
                    await parser.parse(content, filename=name, scans=False)
            text = make_scanned_pdf("Nothing but real text")
            plain = await parser.parse(text, filename="text.pdf", scans=False)

        assert "real text" in plain.text
        assert plain.warnings == ()

    async def test_one_without_text_is_an_error(self) -> None:
        async with ProcessParser(processes=1, ocr=CHOICE) as parser:
            with pytest.raises(NoText, match="OCR found none"):
                await parser.parse(saved(make_picture(), "PNG"), filename="white.png")

    async def test_a_bomb_is_not_unpacked(self) -> None:
        bomb = saved(Image.new("1", (30_000, 30_000)), "PNG")

        async with ProcessParser(processes=1, ocr=CHOICE) as parser:
            with pytest.raises(ParserLimitExceeded):
                await parser.parse(bomb, filename="bomb.png")

    async def test_a_cut_one_is_damaged(self) -> None:
        picture = saved(make_picture(*LINES), "PNG")

        async with ProcessParser(processes=1, ocr=CHOICE) as parser:
            with pytest.raises(CorruptDocument):
                await parser.parse(picture[: len(picture) // 2], filename="a.png")

    async def test_attached_to_a_mail(self) -> None:
        mail = make_mail()
        content = saved(make_picture(*LINES), "PNG")
        mail.add_attachment(content, maintype="image", subtype="png", filename="scan.png")

        async with ProcessParser(processes=1, ocr=CHOICE) as parser:
            document = await parser.parse(mail.as_bytes(), filename="a.eml")

        assert "warehouse in Rotterdam" in document.text


@needs_tesseract
class TestScans:
    async def test_only_pages_without_text_are_recognised(self) -> None:
        pdf = make_scanned_pdf("The first page has text.", None, "So has the third page.")

        async with ProcessParser(processes=1, ocr=CHOICE) as parser:
            document = await parser.parse(pdf, filename="a.pdf")

        assert document.warnings == ("pages_recognised:1",)
        assert [block.page for block in document.blocks] == sorted(
            block.page or 0 for block in document.blocks
        )
        scanned = " ".join(block.text for block in document.blocks if block.page == 2)
        assert "warehouse in Rotterdam" in scanned

    async def test_pages_beyond_the_most_are_told(self) -> None:
        async with ProcessParser(processes=1, ocr=CHOICE) as parser:
            document = await parser.parse(make_scanned_pdf(*[None] * 5), filename="a.pdf")

        assert {"pages_recognised:3", "pages_not_recognised:2"} <= set(document.warnings)
        assert {block.page for block in document.blocks} == {1, 2, 3}

    async def test_each_page_has_a_time_of_its_own(self) -> None:
        async with ProcessParser(processes=1, timeout_seconds=20, cpu_seconds=10, ocr=CHOICE) as it:
            document = await it.parse(make_scanned_pdf(None, None, None), filename="a.pdf")

        assert document.page_count == 3

    async def test_more_signs_of_life_than_pages_are_a_lie(self) -> None:
        assert CHOICE is not None
        async with ProcessParser(processes=1, ocr=CHOICE) as parser:
            header = parser._header({"filename": "a.pdf"}, scans=True)
            header["ocr"]["max_pages"] = 0
            await parser.parse(make_scanned_pdf("Text."), filename="a.pdf")
            child = parser._idle[0]
            # The child is told of three pages, and the parent counts none.
            asked = child.ask(make_scanned_pdf(None), {**header, "ocr": _Lying(header["ocr"])})
            with pytest.raises(ValueError, match="more pages"):
                async for _ in asked:
                    pass


class _Lying(dict):  # type: ignore[type-arg]  # of whatever
    """What is sent differs from what is looked up."""

    def __init__(self, told: dict[str, object]) -> None:
        super().__init__({**told, "max_pages": 3})

    def __getitem__(self, name: str) -> object:
        return 0 if name == "max_pages" else super().__getitem__(name)


class TestOff:
    async def test_a_scan_and_a_picture_say_so(self) -> None:
        async with ProcessParser(processes=1) as parser:
            for content in (make_scan(), saved(make_picture(*LINES), "PNG")):
                with pytest.raises(NoText, match="OCR is off"):
                    await parser.parse(content, filename="scan")

    def test_without_languages_there_is_none(self, tmp_path: Path) -> None:
        assert find_ocr("", max_pages=3) == (None, [])
        assert find_ocr("eng", max_pages=3, folder=tmp_path) == (None, ["eng"])

    @pytest.mark.skipif(find_spec("tesserocr") is None, reason="tesserocr is not installed here")
    def test_languages_that_are_missing_are_named(self, tmp_path: Path) -> None:
        (tmp_path / "deu.traineddata").touch()

        choice, missing = find_ocr("eng+deu+../x", max_pages=3, folder=tmp_path)

        assert choice == OcrChoice(languages="deu", data=str(tmp_path), max_pages=3)
        assert missing == ["eng"]
