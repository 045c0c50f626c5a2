"""Settings that companies and the platform keep under names of their own."""

from typing import Annotated

from fastapi import APIRouter, Depends

from libs.common.errors import Forbidden
from libs.common.http import errors
from libs.common.security import Scope
from services.auth.domain.config_values import ConfigTooLarge, WrongConfigType
from services.auth.endpoints.access import ClientAddress, use_cases_for
from services.auth.schemas.config_values import (
    ConfigChangedReply,
    ConfigIn,
    ConfigReply,
    SettingOut,
)
from services.auth.wiring import CallerUseCases

router = APIRouter(prefix="/api/v1/config", tags=["settings"])

Reader = Annotated[CallerUseCases, Depends(use_cases_for(Scope.CONFIG_READ))]
Writer = Annotated[CallerUseCases, Depends(use_cases_for(Scope.CONFIG_UPDATE))]


@router.get("")
async def show_config(use: Reader) -> ConfigReply:
    """Return the company's settings over the platform's; sensitive values are hidden."""
    return ConfigReply.reply(await use.companies.show_config())


@router.patch("", responses=errors(WrongConfigType, ConfigTooLarge, Forbidden))
async def set_config(body: ConfigIn, use: Writer, address: ClientAddress) -> ConfigChangedReply:
    """Keep a value under a key of the company's, or of the platform's for super admins."""
    setting = await use.companies.set_config(
        body.config_key,
        body.config_value,
        type=body.config_type,
        description=body.description,
        is_sensitive=body.is_sensitive,
        for_platform=body.platform,
        address=address,
    )
    return ConfigChangedReply(**SettingOut.of(setting).model_dump())
