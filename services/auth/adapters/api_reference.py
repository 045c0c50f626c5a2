"""The files of the API's reference: its description, and the page that shows it.

The viewer is Swagger UI, taken from an installed package: readers fetch nothing from other hosts.
"""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

OWN_FILES: Final = Path(__file__).resolve().parents[3] / "web" / "reference"
VIEWER_PACKAGE: Final = "fastapi_offline"


@dataclass(frozen=True, slots=True)
class ReferenceFile:
    """One file, and what it is."""

    path: Path
    media_type: str


@cache
def reference_files() -> dict[str, ReferenceFile]:
    """Return the files by name.

    Raises:
        LookupError: The viewer's package is not installed.
    """
    # Found, not imported: it would bring a framework along for three static files.
    package = find_spec(VIEWER_PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise LookupError(f"{VIEWER_PACKAGE} is not installed")
    viewer = Path(package.submodule_search_locations[0]) / "static"
    script = "text/javascript; charset=utf-8"
    return {
        "openapi.json": ReferenceFile(OWN_FILES / "openapi.json", "application/json"),
        "index.html": ReferenceFile(OWN_FILES / "index.html", "text/html; charset=utf-8"),
        "start.js": ReferenceFile(OWN_FILES / "start.js", script),
        "swagger-ui-bundle.js": ReferenceFile(viewer / "swagger-ui-bundle.js", script),
        "swagger-ui.css": ReferenceFile(viewer / "swagger-ui.css", "text/css; charset=utf-8"),
    }
