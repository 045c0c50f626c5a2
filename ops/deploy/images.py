"""Build all our images: `python -m ops.deploy.images [--tag TAG]`."""

import argparse
import subprocess
import sys
from pathlib import Path

from ops.services import SERVICES

ROOT = Path(__file__).resolve().parents[2]

# An image's name, and the stage of docker/Dockerfile that it is; the part is the name, too.
IMAGES: dict[str, str] = {
    **dict.fromkeys(SERVICES, "service"),
    "ops": "ops",
    "model-server": "model-server",
}


def build_command(name: str, *, tag: str) -> list[str]:
    """Return the arguments of `docker` that build one image."""
    return [
        *("build", "--file", "docker/Dockerfile", "--target", IMAGES[name]),
        *("--build-arg", f"PART={name}", "--tag", f"knowrithm/{name}:{tag}", "."),
    ]


def main() -> int:
    """Build them one after the other; the first that fails ends it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tag", default="dev")
    tag = parser.parse_args().tag
    for name in IMAGES:
        print(f"knowrithm/{name}:{tag}", flush=True)
        done = subprocess.run(["docker", *build_command(name, tag=tag)], cwd=ROOT, check=False)  # noqa: S607 - whichever is on the path
        if done.returncode != 0:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
