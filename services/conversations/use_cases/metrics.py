"""What this service counts beyond HTTP and outside calls; labels come from the code alone."""

from typing import Final

from prometheus_client import Counter

AGENT_RESPONSES: Final = Counter(
    "agent_responses",
    "Answers by how they came about (generated, extractive, refused, none) and their outcome.",
    ("mode", "outcome"),
)
