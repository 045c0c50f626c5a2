"""The chat widget's script, read once a process."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

SCRIPT_PATH = Path(__file__).resolve().parents[3] / "web" / "widget" / "widget.js"


@dataclass(frozen=True, slots=True, kw_only=True)
class WidgetFiles:
    """The script's bytes, and a tag that changes with them."""

    script: bytes
    etag: str

    @classmethod
    def load(cls) -> "WidgetFiles":
        """Read the script from the source tree.

        Raises:
            OSError: It is not where it belongs.
        """
        script = SCRIPT_PATH.read_bytes()
        return cls(script=script, etag=f'"{hashlib.sha256(script).hexdigest()[:32]}"')
