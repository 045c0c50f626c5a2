"""A provider's models."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from libs.common.http import errors
from services.agents.domain.errors import ModelExists, ModelNotFound, ProviderNotFound
from services.agents.endpoints.access import ReadProviders, WriteProviders
from services.agents.schemas.common import MessageOut
from services.agents.schemas.providers import Kind, ModelIn, ModelList, ModelPatch, ModelReply

router = APIRouter(prefix="/api/v1/providers/{provider_id}/models", tags=["providers"])


@router.get("", responses=errors(ProviderNotFound))
async def list_models(
    provider_id: UUID,
    use: ReadProviders,
    kind: Annotated[Kind | None, Query(alias="type")] = None,
) -> ModelList:
    """List a provider's models by name."""
    return ModelList.of(await use.catalogue.provider(provider_id, kind=kind))


@router.post("", status_code=201, responses=errors(ProviderNotFound, ModelExists))
async def create_model(provider_id: UUID, body: ModelIn, use: WriteProviders) -> ModelReply:
    """Add a model to a provider, for this company."""
    model = await use.edit_models.create(provider_id, body.change())
    return ModelReply.of(model, message="The model was created.")


@router.get("/{model_id}", responses=errors(ModelNotFound))
async def get_model(provider_id: UUID, model_id: UUID, use: ReadProviders) -> ModelReply:
    """Show one model."""
    return ModelReply.of(await use.catalogue.model(provider_id, model_id))


@router.put("/{model_id}", responses=errors(ModelNotFound, ModelExists))
async def update_model(
    provider_id: UUID, model_id: UUID, body: ModelPatch, use: WriteProviders
) -> ModelReply:
    """Change a model, such as its prices; a shared one changes for this company only."""
    model = await use.edit_models.update(provider_id, model_id, body.change())
    return ModelReply.of(model, message="The model was updated.")


@router.delete("/{model_id}", responses=errors(ModelNotFound))
async def delete_model(provider_id: UUID, model_id: UUID, use: WriteProviders) -> MessageOut:
    """Delete a model; a shared one disappears for this company only."""
    model = await use.edit_models.delete(provider_id, model_id)
    return MessageOut(message=f"The model {model.name!r} was deleted.")
