"""What a company may set about all that its agents say."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.agents.domain.errors import BadLinkHost

_HOST: Final = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardrails:
    """The company's choices.

    Args:
        link_hosts: Hosts, with their subdomains, that answers may link to; links to the documents'
            own addresses always stay.
        mask_personal_data: Put placeholders in place of personal data before a model sees them.
        report_suspicions: Say which passages seem to be addressed to the model.
    """

    link_hosts: tuple[str, ...] = ()
    mask_personal_data: bool = False
    report_suspicions: bool = False


def checked_hosts(hosts: Sequence[str]) -> tuple[str, ...]:
    """Return hosts in one form, each once.

    Raises:
        BadLinkHost: One is no host name; an address or a port does not belong here.
    """
    plain = [host.strip().lower().rstrip(".") for host in hosts]
    for host in plain:
        if len(host) > 253 or _HOST.fullmatch(host) is None:
            raise BadLinkHost(
                f"“{host[:80]}” is no host name. Name hosts like `docs.example.com`, without a "
                "scheme, port or path."
            )
    return tuple(dict.fromkeys(plain))
