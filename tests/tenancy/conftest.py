"""The platform that the walk goes through."""

from tests.flows.conftest import collector, platform

__all__ = ["collector", "platform"]
