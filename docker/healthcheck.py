"""What the container engine asks now and then: does the event loop still turn?"""

import os
import sys
from urllib.error import URLError
from urllib.request import urlopen

PORT = os.environ.get("HTTP_PORT", "8000")
PATH = os.environ.get("HEALTH_PATH", "/health/live")

try:
    with urlopen(f"http://127.0.0.1:{PORT}{PATH}", timeout=2) as reply:
        sys.exit(reply.status != 200)
except (URLError, OSError):
    sys.exit(1)
