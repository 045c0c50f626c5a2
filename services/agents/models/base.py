"""What the tables of agents have in common."""

from typing import Any

from sqlalchemy import MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase

from libs.common.database import NAMING


class Base(DeclarativeBase):
    """All tables of agents; foreign keys stand in the migrations only.

    Two of them point at each other and are checked at commit, which the ORM's ordering of
    inserts could not express.
    """

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own way
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
    }
