"""Pictures with text in them: there is only what OCR can read."""

from services.documents.adapters.parsing.layout import Layout

_MEDIA_TYPES = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "tiff": "image/tiff",
    "webp": "image/webp",
}


def read_image(_content: bytes, *, kind: str) -> Layout:
    """Read a picture, or each page of one that has several."""
    return Layout(kind, _MEDIA_TYPES[kind])
