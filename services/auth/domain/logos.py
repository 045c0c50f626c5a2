"""What a company's logo may be: a small picture of a kind that browsers only draw."""

from typing import Final

from services.auth.domain.errors import LogoTooLarge, NotAPicture

MAX_LOGO_BYTES: Final = 512 * 1024

# By how the content begins, whatever it was called. Not SVG: it can hold scripts.
_BEGINNINGS: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


def media_type_of(content: bytes) -> str:
    """Return the kind of a picture by its content.

    Raises:
        LogoTooLarge: There is more of it than is kept.
        NotAPicture: It is none of the kinds that are kept.
    """
    if len(content) > MAX_LOGO_BYTES:
        raise LogoTooLarge
    for beginning, media_type in _BEGINNINGS:
        if content.startswith(beginning):
            return media_type
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    raise NotAPicture
