"""Pictures with text in them: there is only what OCR can read."""

import io
import warnings
from typing import Final

from PIL import Image, ImageOps, UnidentifiedImageError

from services.documents.adapters.parsing.layout import Layout
from services.documents.adapters.parsing.ocr import MAX_PIXELS, Ocr
from services.documents.domain.errors import CorruptDocument, NoText, ParserLimitExceeded

MAX_FRAMES: Final = 5_000
# Letters of screenshots are half as high as those that Tesseract was trained on.
SMALL_SIDE: Final = 1_600
_FORMATS: Final = {"png": "PNG", "jpeg": "JPEG", "tiff": "TIFF", "webp": "WEBP"}


def read_image(content: bytes, *, kind: str, ocr: Ocr | None) -> Layout:
    """Read a picture, or each page of one that has several.

    Raises:
        NoText: OCR is off.
        CorruptDocument: It is no whole picture.
        ParserLimitExceeded: It has more pixels than any page.
    """
    if ocr is None:
        raise NoText
    # Its own warning comes at a third of what is refused here.
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    layout = Layout(kind, f"image/{kind}")
    try:
        with Image.open(io.BytesIO(content), formats=[_FORMATS[kind]]) as image:
            frames = getattr(image, "n_frames", 1) if kind == "tiff" else 1
            if frames > MAX_FRAMES:
                raise ParserLimitExceeded
            layout.page_count = frames
            for number in range(frames):
                image.seek(number)
                _read_frame(layout, image, page=number + 1, ocr=ocr)
    except Image.DecompressionBombError as error:
        raise ParserLimitExceeded from error
    except (UnidentifiedImageError, EOFError, SyntaxError) as error:
        raise CorruptDocument from error
    return layout


def _read_frame(layout: Layout, image: Image.Image, *, page: int, ocr: Ocr) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise ParserLimitExceeded
    ocr.begin()
    upright = ImageOps.exif_transpose(image)
    if upright.has_transparency_data:
        # What is transparent lies on paper.
        upright = upright.convert("RGBA")
        paper = Image.new("RGBA", upright.size, "white")
        upright = Image.alpha_composite(paper, upright)
    grey = upright.convert("L")
    if max(grey.size) < SMALL_SIDE:
        grey = grey.resize((grey.width * 2, grey.height * 2), Image.Resampling.BICUBIC)
    texts = ocr.paragraphs(grey.tobytes(), width=grey.width, height=grey.height, stride=grey.width)
    for text in texts:
        layout.add(text, page=page)
