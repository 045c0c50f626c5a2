"""Countries, states and cities as a company sees them: shared rows, shadowed by its own."""

from collections.abc import Sequence
from typing import Generic, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from libs.common.database import PLATFORM_TENANT
from services.auth.domain.geography import (
    MAX_OWN_PLACES,
    PlaceExists,
    TooManyPlaces,
    own_id,
)
from services.auth.models.geography import City, Country, State

P = TypeVar("P", Country, State, City)


class Places(Generic[P]):
    """One kind of place.

    Args:
        session: Of one tenant.
        tenant_id: Its id; the platform's sees the shared rows.
        model: The kind.
    """

    def __init__(self, session: AsyncSession, tenant_id: UUID, model: type[P]) -> None:
        self.session = session
        self.tenant_id = tenant_id
        self._model: type[P] = model

    def visible(self) -> Select[P]:
        """Return own rows, and those shared ones that no own row stands in for."""
        model, own = self._model, aliased(self._model)
        shadowed = exists().where(own.tenant_id == self.tenant_id, own.id == model.id)
        return select(model).where(
            or_(
                model.tenant_id == self.tenant_id,
                and_(model.tenant_id == PLATFORM_TENANT, ~shadowed),
            )
        )

    async def get(self, place_id: int) -> P | None:
        """Return a place."""
        found: P | None = await self.session.scalar(
            self.visible().where(self._model.id == place_id)
        )
        return found

    async def all(self, *conditions: ColumnElement[bool]) -> Sequence[P]:
        """Return places by name."""
        query = self.visible().where(*conditions)
        query = query.order_by(func.lower(self._model.name), self._model.id)
        return (await self.session.scalars(query)).all()

    async def named(
        self, name: str, *conditions: ColumnElement[bool], but: int | None = None
    ) -> bool:
        """Say whether there is another of this name."""
        query = self.visible().where(func.lower(self._model.name) == name.lower(), *conditions)
        if but is not None:
            query = query.where(self._model.id != but)
        return bool(await self.session.scalar(select(query.exists())))

    async def add(self, place: P) -> None:
        """Store an own row, with a new id unless it shadows a shared one.

        Raises:
            PlaceExists: The company has one of this name.
            TooManyPlaces: It has as many as it may.
        """
        await self._check_room()
        place.tenant_id = self.tenant_id
        if place.id is None:
            place.id = own_id()
        self.session.add(place)
        await self.flush()

    async def flush(self) -> None:
        """Write what was changed; raises `PlaceExists`."""
        try:
            await self.session.flush()
        except IntegrityError as error:
            if "_own_name" in str(error.orig) or "pk_" in str(error.orig):
                raise PlaceExists from error
            raise

    async def own(self, place: P) -> P:
        """Return the own row for a place, made of the shared one if need be; raises as `add`."""
        if place.tenant_id == self.tenant_id:
            return place
        await self._check_room()
        columns: list[InstrumentedAttribute[object]] = [
            getattr(self._model, column.key) for column in self._model.__table__.columns
        ]
        values = {column.key: getattr(place, column.key) for column in columns}
        shadow: P = self._model(**{**values, "tenant_id": self.tenant_id})
        self.session.add(shadow)
        return shadow

    async def _check_room(self) -> None:
        # Two at once may exceed it by one: it only keeps lists from growing without end.
        query = select(func.count()).where(self._model.tenant_id == self.tenant_id)
        if (await self.session.scalar(query) or 0) >= MAX_OWN_PLACES:
            raise TooManyPlaces
