"""A company's single sign-on, as its admins set it up."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from libs.common.http import errors
from libs.common.security import Scope
from services.auth.domain.errors import StepUpRequired
from services.auth.domain.federation_errors import (
    ConnectionNeeded,
    ConnectionNotFound,
    InvalidConnection,
    InvalidPolicy,
    ProviderFailed,
    TooManyOfThem,
    UnprovenDomain,
)
from services.auth.endpoints.access import PEOPLE, ClientAddress, use_cases_for
from services.auth.schemas.federation import (
    ConnectionChangesIn,
    ConnectionOut,
    ConnectionsOut,
    NewConnectionIn,
    PolicyIn,
    PolicyOut,
    ProviderOut,
)
from services.auth.wiring import CallerUseCases

router = APIRouter(prefix="/api/v1/auth/sso", tags=["single sign-on"])

Reader = Annotated[CallerUseCases, Depends(use_cases_for(Scope.CONFIG_READ, kinds=PEOPLE))]
Writer = Annotated[CallerUseCases, Depends(use_cases_for(Scope.CONFIG_WRITE, kinds=PEOPLE))]


@router.get("/connections", response_model=ConnectionsOut)
async def list_connections(use: Reader) -> ConnectionsOut:
    """Return the company's connections, without secrets."""
    url = use.federation.public_url
    connections = await use.federation.show_connections()
    return ConnectionsOut(
        connections=[ConnectionOut.of(one, public_url=url) for one in connections]
    )


@router.post(
    "/connections",
    status_code=201,
    response_model=ConnectionOut,
    responses=errors(InvalidConnection, UnprovenDomain, TooManyOfThem, StepUpRequired),
)
async def create_connection(
    body: NewConnectionIn, use: Writer, address: ClientAddress
) -> ConnectionOut:
    """Set up an OpenID Connect provider; its domains must be proven."""
    connection = await use.federation.create_connection(body.wanted(), address=address)
    return ConnectionOut.of(connection, public_url=use.federation.public_url)


@router.get(
    "/connections/{connection_id}",
    response_model=ConnectionOut,
    responses=errors(ConnectionNotFound),
)
async def show_connection(connection_id: UUID, use: Reader) -> ConnectionOut:
    """Return a connection, without its secret."""
    connection = await use.federation.show_connections.one(connection_id)
    return ConnectionOut.of(connection, public_url=use.federation.public_url)


@router.patch(
    "/connections/{connection_id}",
    response_model=ConnectionOut,
    responses=errors(
        ConnectionNotFound, InvalidConnection, UnprovenDomain, ConnectionNeeded, StepUpRequired
    ),
)
async def update_connection(
    connection_id: UUID, body: ConnectionChangesIn, use: Writer, address: ClientAddress
) -> ConnectionOut:
    """Change a connection; what is left out stays as it is."""
    connection = await use.federation.update_connection(
        connection_id, body.changes(), address=address
    )
    return ConnectionOut.of(connection, public_url=use.federation.public_url)


@router.delete(
    "/connections/{connection_id}",
    status_code=204,
    responses=errors(ConnectionNotFound, ConnectionNeeded),
)
async def delete_connection(connection_id: UUID, use: Writer, address: ClientAddress) -> None:
    """Delete a connection and whom it has linked; the users stay."""
    await use.federation.delete_connection(connection_id, address=address)


@router.post(
    "/connections/{connection_id}/test",
    response_model=ProviderOut,
    responses=errors(ConnectionNotFound, ProviderFailed),
)
async def try_connection(connection_id: UUID, use: Writer) -> ProviderOut:
    """Ask the provider for its discovery document and keys, now."""
    return ProviderOut.of(await use.federation.try_connection(connection_id))


@router.get("/policy", response_model=PolicyOut)
async def show_sign_on_policy(use: Reader) -> PolicyOut:
    """Return how the company's people may come in."""
    return PolicyOut.of(await use.federation.show_policy())


@router.put("/policy", response_model=PolicyOut, responses=errors(InvalidPolicy))
async def update_sign_on_policy(body: PolicyIn, use: Writer, address: ClientAddress) -> PolicyOut:
    """Replace the policy: single sign-on only, its break-glass admin, roles of groups."""
    return PolicyOut.of(await use.federation.update_policy(body.wanted(), address=address))
