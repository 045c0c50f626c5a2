"""Rendered overlays, for the tests that look at them."""

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
OVERLAYS = ("production", "development")
KUBECTL = Path(sys.executable).with_name("kubectl")

Manifest = dict[str, Any]


@cache
def rendered(overlay: str) -> tuple[Manifest, ...]:
    """Return the objects of an overlay, as `kubectl kustomize` gives them."""
    run = subprocess.run(
        [KUBECTL, "kustomize", ROOT / "k8s" / "overlays" / overlay],
        capture_output=True,
        check=True,
        text=True,
    )
    return tuple(yaml.safe_load_all(run.stdout))


def of_kind(overlay: str, kind: str) -> dict[str, Manifest]:
    """Return the objects of one kind by name."""
    return {
        manifest["metadata"]["name"]: manifest
        for manifest in rendered(overlay)
        if manifest["kind"] == kind
    }


def container_of(deployment: Manifest) -> Manifest:
    """Return the one container of a Deployment's or Job's pods."""
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    found: Manifest = container
    return found


def labels_of(deployment: Manifest) -> dict[str, str]:
    """Return the labels of a Deployment's pods."""
    labels: dict[str, str] = deployment["spec"]["template"]["metadata"]["labels"]
    return labels


def selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    """Tell whether a selector picks pods with these labels."""
    return selector.items() <= labels.items()
