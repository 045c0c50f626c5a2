"""Companies: what the API calls tenants."""

from typing import Annotated, TypeVar
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from libs.common.errors import NotAvailable
from libs.common.http import errors, rate_limited
from libs.common.security import Scope
from services.auth.domain.errors import CompanyNotFound, InvalidEmail
from services.auth.endpoints.access import PEOPLE, ClientAddress, public_use_cases, use_cases_for
from services.auth.schemas.companies import (
    CompanyChangedReply,
    CompanyIn,
    CompanyReply,
    NewCompanyIn,
    NewCompanyReply,
)
from services.auth.wiring import CallerUseCases, PublicUseCases

router = APIRouter(prefix="/api/v1/company", tags=["companies"])

B = TypeVar("B", bound=BaseModel)


def _body_schema(model: type[BaseModel]) -> dict[str, object]:
    schema = model.model_json_schema()
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": schema},
                "multipart/form-data": {"schema": schema},
            },
        }
    }


@router.post(
    "",
    status_code=201,
    response_model=NewCompanyReply,
    responses=errors(InvalidEmail),
    openapi_extra=_body_schema(NewCompanyIn),
    dependencies=[Depends(rate_limited("register"))],
)
async def create_company(
    request: Request,
    use: Annotated[PublicUseCases, Depends(public_use_cases)],
    address: ClientAddress,
) -> NewCompanyReply:
    """Make a company without users; whoever first registers with its id becomes its admin."""
    body = await _json_or_form(request, NewCompanyIn)
    return NewCompanyReply.reply(await use.create_company(body.details(), address=address))


@router.get("", response_model=CompanyReply, responses=errors(CompanyNotFound))
async def show_own_company(
    use: Annotated[CallerUseCases, Depends(use_cases_for(Scope.COMPANY_READ))],
) -> CompanyReply:
    """Return the caller's company."""
    return CompanyReply.reply(await use.show_company())


@router.get("/{company_id}", response_model=CompanyReply, responses=errors(CompanyNotFound))
async def show_company(
    company_id: UUID,
    use: Annotated[CallerUseCases, Depends(use_cases_for(Scope.COMPANY_READ, kinds=PEOPLE))],
) -> CompanyReply:
    """Return the caller's company by its id; any other is not found."""
    return CompanyReply.reply(await use.show_company(company_id))


@router.put(
    "/{company_id}",
    response_model=CompanyChangedReply,
    responses=errors(CompanyNotFound, InvalidEmail),
    openapi_extra=_body_schema(CompanyIn),
)
async def update_company(
    request: Request,
    company_id: UUID,
    use: Annotated[CallerUseCases, Depends(use_cases_for(Scope.COMPANY_WRITE))],
    address: ClientAddress,
) -> CompanyChangedReply:
    """Change the caller's company; fields that are left out stay as they are."""
    body = await _json_or_form(request, CompanyIn)
    tenant = await use.update_company(company_id, body.details(), address=address)
    return CompanyChangedReply.reply(tenant)


async def _json_or_form(request: Request, model: type[B]) -> B:
    """Read a body that clients send as JSON, or as a form when they have a logo to add.

    Raises:
        NotAvailable: There is a logo; this version keeps none.
        RequestValidationError: The body does not fit.
    """
    kind = request.headers.get("content-type", "")
    values: object
    if kind.startswith(("multipart/form-data", "application/x-www-form-urlencoded")):
        async with request.form() as form:
            if any(not isinstance(value, str) for value in form.values()):
                raise NotAvailable("Company logos are not available in this version.")
            values = {name: value for name, value in form.items() if value != ""}
    else:
        try:
            values = orjson.loads(await request.body() or b"{}")
        except orjson.JSONDecodeError as error:
            problem = {"type": "json_invalid", "loc": ("body",), "msg": "JSON decode error"}
            raise RequestValidationError([problem]) from error
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = [{**problem, "loc": ("body", *problem["loc"])} for problem in error.errors()]
        raise RequestValidationError(problems) from error
