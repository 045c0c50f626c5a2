"""The reference rows of countries, states and cities, which `ops/geography.py` has written."""

import gzip
from collections import defaultdict
from pathlib import Path
from typing import Final

from alembic import op
from sqlalchemy import text

from libs.common.database import PLATFORM_TENANT
from libs.common.database.migrations import seeding

PLACES: Final = Path(__file__).with_name("places.tsv.gz")

_INTO: Final = {
    "country": """
        INSERT INTO countries (tenant_id, id, iso_code, name)
        SELECT :tenant, id, code, name
        FROM unnest(CAST(:ids AS bigint[]), CAST(:codes AS text[]), CAST(:names AS text[]))
             AS given (id, code, name)
        ON CONFLICT (tenant_id, id) DO UPDATE
        SET iso_code = excluded.iso_code, name = excluded.name
    """,
    "state": """
        INSERT INTO states (tenant_id, id, country_id, state_code, name)
        SELECT :tenant, id, parent, code, name
        FROM unnest(CAST(:ids AS bigint[]), CAST(:parents AS bigint[]), CAST(:codes AS text[]),
                    CAST(:names AS text[])) AS given (id, parent, code, name)
        ON CONFLICT (tenant_id, id) DO UPDATE
        SET country_id = excluded.country_id, state_code = excluded.state_code,
            name = excluded.name
    """,
    "city": """
        INSERT INTO cities (tenant_id, id, state_id, name)
        SELECT :tenant, id, parent, name
        FROM unnest(CAST(:ids AS bigint[]), CAST(:parents AS bigint[]), CAST(:names AS text[]))
             AS given (id, parent, name)
        ON CONFLICT (tenant_id, id) DO UPDATE
        SET state_id = excluded.state_id, name = excluded.name
    """,
}


def seed() -> None:
    """Write the shared rows, or bring those that are there up to date; a second or two."""
    rows: defaultdict[str, list[list[str]]] = defaultdict(list)
    for line in gzip.decompress(PLACES.read_bytes()).decode().splitlines():
        kind, *fields = line.split("\t")
        rows[kind].append(fields)
    with seeding():
        for kind, statement in _INTO.items():
            ids, parents, codes, names = (list(column) for column in zip(*rows[kind], strict=True))
            values = {
                "ids": [int(one) for one in ids],
                "parents": [int(one) for one in parents],
                "codes": codes,
                "names": names,
            }
            given = {name: value for name, value in values.items() if f":{name} " in statement}
            op.get_bind().execute(text(statement), {"tenant": PLATFORM_TENANT, **given})
