"""The e-mail domains that a company has proven to be its own."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from libs.common.http import errors
from libs.common.security import Scope
from services.auth.domain.federation_errors import (
    DnsUnavailable,
    DomainClaimed,
    DomainInUse,
    DomainNotFound,
    DomainNotProven,
    DomainTaken,
    InvalidDomain,
    PublicMailProvider,
    TooManyOfThem,
)
from services.auth.endpoints.access import PEOPLE, ClientAddress, use_cases_for
from services.auth.schemas.federation import (
    DomainChangesIn,
    DomainOut,
    DomainsOut,
    NewDomainIn,
)
from services.auth.wiring import CallerUseCases

router = APIRouter(prefix="/api/v1/auth/domains", tags=["e-mail domains"])

Reader = Annotated[CallerUseCases, Depends(use_cases_for(Scope.CONFIG_READ, kinds=PEOPLE))]
Writer = Annotated[CallerUseCases, Depends(use_cases_for(Scope.CONFIG_WRITE, kinds=PEOPLE))]


@router.get("", response_model=DomainsOut)
async def list_domains(use: Reader) -> DomainsOut:
    """Return the company's domains, and the record that proves each."""
    domains = await use.federation.list_domains()
    return DomainsOut(domains=[DomainOut.of(domain) for domain in domains])


@router.post(
    "",
    status_code=201,
    response_model=DomainOut,
    responses=errors(InvalidDomain, PublicMailProvider, DomainClaimed, TooManyOfThem),
)
async def claim_domain(body: NewDomainIn, use: Writer, address: ClientAddress) -> DomainOut:
    """Claim a domain; it counts once its TXT record was seen."""
    return DomainOut.of(await use.federation.claim_domain(body.domain, address=address))


@router.patch("/{domain_id}", response_model=DomainOut, responses=errors(DomainNotFound))
async def update_domain(
    domain_id: UUID, body: DomainChangesIn, use: Writer, address: ClientAddress
) -> DomainOut:
    """Open or close registration for people of a domain."""
    domain = await use.federation.update_domain(
        domain_id, admits_registration=body.admits_registration, address=address
    )
    return DomainOut.of(domain)


@router.post(
    "/{domain_id}/verify",
    response_model=DomainOut,
    responses=errors(DomainNotFound, DomainNotProven, DomainTaken, DnsUnavailable),
)
async def verify_domain(domain_id: UUID, use: Writer, address: ClientAddress) -> DomainOut:
    """Look for the TXT record now."""
    return DomainOut.of(await use.federation.verify_domain(domain_id, address=address))


@router.delete("/{domain_id}", status_code=204, responses=errors(DomainNotFound, DomainInUse))
async def give_up_domain(domain_id: UUID, use: Writer, address: ClientAddress) -> None:
    """Give a domain up, so that another company may prove it."""
    await use.federation.give_up_domain(domain_id, address=address)
