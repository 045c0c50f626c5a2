"""Asking the platform's services how they are."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

import aiohttp
import orjson

from services.auth.domain.health import Health, ServiceHealth

# Their own checks give up after two seconds.
TIMEOUT_SECONDS: Final = 2.5

_MESSAGES: Final = {
    Health.HEALTHY: "All dependencies are in reach.",
    Health.DEGRADED: "Works, but a dependency is out of reach.",
    Health.UNHEALTHY: "A dependency it cannot do without is out of reach.",
}


class HttpServiceProbe:
    """Reads each service's own `/health`.

    Args:
        http: The process's session.
        urls: Base URLs by service.
    """

    def __init__(self, http: aiohttp.ClientSession, urls: Mapping[str, str]) -> None:
        self._http = http
        self._urls = urls

    async def health_of(self, service: str) -> ServiceHealth:
        """Return what a service says of itself; silence is an answer too."""
        started = time.perf_counter()
        try:
            async with self._http.get(
                f"{self._urls[service].rstrip('/')}/health",
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
                allow_redirects=False,
            ) as response:
                report: dict[str, Any] = orjson.loads(await response.read())
                status = Health(report["status"])
                parts = {
                    str(name): str(part["status"])
                    for name, part in report.get("components", {}).items()
                }
        except asyncio.CancelledError:
            raise
        except (aiohttp.ClientError, TimeoutError, OSError):
            return _silent(service, "It does not answer.", started)
        except (ValueError, KeyError, TypeError, AttributeError):
            return _silent(service, "It answers, but not with a health report.", started)
        return ServiceHealth(
            name=service,
            status=status,
            message=_MESSAGES[status],
            response_time_ms=_elapsed_ms(started),
            parts=parts,
        )


def _silent(service: str, message: str, started: float) -> ServiceHealth:
    return ServiceHealth(
        name=service,
        status=Health.UNHEALTHY,
        message=message,
        response_time_ms=_elapsed_ms(started),
    )


def _elapsed_ms(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)
