"""Providers: the platform's catalogue, and the company's own additions and changes."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from libs.common.http import errors
from services.agents.domain.catalogue import CatalogueStatus
from services.agents.domain.errors import ProviderExists, ProviderNotFound, UnsafeModelUrl
from services.agents.endpoints.access import ReadProviders, WriteProviders
from services.agents.schemas.common import MessageOut
from services.agents.schemas.providers import (
    ImportIn,
    ImportReply,
    Kind,
    ProviderIn,
    ProviderList,
    ProviderPatch,
    ProviderReply,
)

router = APIRouter(prefix="/api/v1", tags=["providers"])


@router.get("/providers")
async def list_providers(
    use: ReadProviders,
    kind: Annotated[Kind | None, Query(alias="type")] = None,
    include_models: bool = False,
    status: CatalogueStatus | None = None,
) -> ProviderList:
    """List providers by name."""
    catalogue = await use.catalogue.all(kind=kind, status=status)
    return ProviderList.of(catalogue, with_models=include_models)


@router.post("/providers", status_code=201, responses=errors(ProviderExists, UnsafeModelUrl))
async def create_provider(body: ProviderIn, use: WriteProviders) -> ProviderReply:
    """Add a provider of the company's own, with an OpenAI-compatible base URL."""
    provider = await use.edit_providers.create(body.change())
    return ProviderReply.of(provider, message="The provider was created.")


@router.post("/providers/bulk-import", responses=errors(UnsafeModelUrl))
async def import_providers(body: ImportIn, use: WriteProviders) -> ImportReply:
    """Add providers with their models; what is there already is left as it is."""
    return ImportReply.of(await use.import_catalogue(body.entries()))


@router.get("/providers/{provider_id}", responses=errors(ProviderNotFound))
async def get_provider(
    provider_id: UUID, use: ReadProviders, include_models: bool = True
) -> ProviderReply:
    """Show one provider with its models."""
    catalogue = await use.catalogue.provider(provider_id)
    models = catalogue.models.get(provider_id, ()) if include_models else None
    return ProviderReply.of(catalogue.providers[0], models)


@router.put(
    "/providers/{provider_id}",
    responses=errors(ProviderNotFound, ProviderExists, UnsafeModelUrl),
)
async def update_provider(
    provider_id: UUID, body: ProviderPatch, use: WriteProviders
) -> ProviderReply:
    """Change a provider; a shared one changes for this company only."""
    provider = await use.edit_providers.update(provider_id, body.change())
    return ProviderReply.of(provider, message="The provider was updated.")


@router.delete("/providers/{provider_id}", responses=errors(ProviderNotFound))
async def delete_provider(provider_id: UUID, use: WriteProviders) -> MessageOut:
    """Delete a provider; a shared one disappears for this company only."""
    provider = await use.edit_providers.delete(provider_id)
    return MessageOut(message=f"The provider {provider.label!r} was deleted.")
