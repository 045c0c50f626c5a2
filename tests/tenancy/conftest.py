"""The platform that the walk goes through."""

from tests.flows.conftest import platform

__all__ = ["platform"]
