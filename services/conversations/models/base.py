"""The base of this service's tables."""

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from libs.common.database import NAMING


class Base(DeclarativeBase):
    """All tables of conversations."""

    metadata = MetaData(naming_convention=NAMING)
