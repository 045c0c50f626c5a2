"""QR codes, for authenticator apps to read."""

import base64
import io

import segno

_SCALE = 5


def as_svg(text: str) -> str:
    """Draw a text as an SVG document that can stand in a page."""
    return str(segno.make(text, error="m").svg_inline(scale=_SCALE, light="#fff"))


def as_png(text: str) -> str:
    """Draw a text as a PNG, in base64."""
    image = io.BytesIO()
    segno.make(text, error="m").save(image, kind="png", scale=_SCALE)
    return base64.b64encode(image.getvalue()).decode()
