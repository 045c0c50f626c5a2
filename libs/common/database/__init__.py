"""PostgreSQL: pools, tenant transactions, repositories, tables every service has, migrations."""

from libs.common.database.database import Database
from libs.common.database.models import NAMING, PLATFORM_TENANT, TenantOwned, Timestamps
from libs.common.database.outages import DatabaseUnavailable
from libs.common.database.repository import TenantRepository

__all__ = [
    "NAMING",
    "PLATFORM_TENANT",
    "Database",
    "DatabaseUnavailable",
    "TenantOwned",
    "TenantRepository",
    "Timestamps",
]
