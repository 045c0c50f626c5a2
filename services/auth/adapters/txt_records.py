"""Looking up TXT records, by which companies prove that a domain is theirs."""

from collections.abc import Sequence
from typing import Final

from dns.asyncresolver import Resolver
from dns.exception import DNSException
from dns.resolver import NXDOMAIN, NoAnswer
from opentelemetry.trace import SpanKind

from libs.common.telemetry.metrics import outside_call
from libs.common.telemetry.tracing import span
from services.auth.domain.federation_errors import DnsUnavailable

LIFETIME_SECONDS: Final = 5.0
_MAX_RECORDS: Final = 50
_DNS_PORT: Final = 53


class DnsTxtRecords:
    """Asks the machine's own resolvers, or those that the operator names.

    Args:
        servers: `address` or `address:port` of resolvers; the machine's when empty.
    """

    def __init__(self, servers: Sequence[str] = ()) -> None:
        self._servers = servers
        self._resolver: Resolver | None = None

    async def lookup(self, name: str) -> frozenset[str]:
        """Return the texts at a name; empty when there are none.

        Raises:
            DnsUnavailable: The name servers say nothing about it.
        """
        try:
            with span("TXT dns", kind=SpanKind.CLIENT), outside_call("dns"):
                answer = await self._made().resolve(name, "TXT", search=False)
        except (NXDOMAIN, NoAnswer):
            return frozenset()
        except (DNSException, OSError) as error:
            raise DnsUnavailable from error
        # A long text comes in several strings, which belong together.
        return frozenset(
            b"".join(record.strings).decode("utf-8", "replace")
            for record in list(answer)[:_MAX_RECORDS]
        )

    def _made(self) -> Resolver:
        if self._resolver is None:
            resolver = Resolver(configure=not self._servers)
            for server in self._servers:
                host, _, port = server.partition(":")
                resolver.nameservers = [*resolver.nameservers, host]
                resolver.nameserver_ports[host] = int(port or _DNS_PORT)
            resolver.lifetime = LIFETIME_SECONDS
            resolver.cache = None
            self._resolver = resolver
        return self._resolver
