"""Whose word destroys a company again after a restore."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from libs.common.ids import new_id
from libs.common.objects import open_store
from libs.common.security import SigningKey
from libs.common.security.statements import StatementRefused
from ops.erasure.ledger import Ledger, Record, Run
from ops.errors import OpsError

AUTH = SigningKey.generate("auth")
DOCUMENTS = SigningKey.generate("documents")
JWKS = {"keys": [AUTH.public_jwk, DOCUMENTS.public_jwk]}


def record() -> Record:
    run = Run(begun_at=datetime.now(UTC), by="Olga", reason="asked", found={"objects": 1})
    return Record(tenant_id=new_id(), runs=[run])


def test_auths_receipt_is_believed() -> None:
    written = record()

    assert Record.verified(written.signed(AUTH), jwks=JWKS) == written


def test_another_services_receipt_is_not() -> None:
    with pytest.raises(StatementRefused, match="not among the known ones"):
        Record.verified(record().signed(DOCUMENTS), jwks=JWKS)


async def test_what_another_service_wrote_into_the_ledger_stops_it(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}/objects")
    await Ledger([store], key=DOCUMENTS, jwks=JWKS).write(record())

    with pytest.raises(OpsError, match="is not believed"):
        await Ledger([store], key=AUTH, jwks=JWKS).all()
