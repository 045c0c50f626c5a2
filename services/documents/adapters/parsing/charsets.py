"""Bytes to text, whatever they were written with."""

import re
from typing import Final

_DECLARED: Final = re.compile(
    rb"""(?:charset|encoding)\s*=\s*["']?([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE
)
_SAMPLE_BYTES: Final = 256 * 1024
_UTF_32_BOMS: Final = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")


def decode(content: bytes) -> tuple[str, str | None]:
    """Return the text, and a warning when its encoding had to be guessed."""
    if content.startswith(_UTF_32_BOMS):
        return content.decode("utf-32", errors="replace"), None
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace"), None
    try:
        return content.removeprefix(b"\xef\xbb\xbf").decode("utf-8"), None
    except UnicodeDecodeError:
        pass
    declared = _DECLARED.search(content[:2048])
    if declared:
        try:
            return content.decode(declared.group(1).decode("ascii")), None
        except (LookupError, UnicodeDecodeError):
            pass
    # Costs 100 ms to load, and nearly all files are UTF-8.
    from charset_normalizer import from_bytes  # noqa: PLC0415 - as said above

    best = from_bytes(content[:_SAMPLE_BYTES]).best()
    encoding = best.encoding if best else "cp1252"
    return content.decode(encoding, errors="replace"), f"encoding_guessed:{encoding}"
