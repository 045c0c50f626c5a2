"""A tenant's files in the object store: everything below its id."""

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from uuid import UUID

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore

from ops.errors import OpsError


class Objects:
    """What the object store has of a tenant, whatever wrote it there."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def count(self, tenant_id: UUID) -> int:
        """Return how many objects there are."""
        return len([path async for path in self._paths(tenant_id)])

    async def delete(self, tenant_id: UUID) -> AsyncIterator[int]:
        """Delete them; yield after each how many went.

        Raises:
            OpsError: The store is out of reach.
        """
        async for path in self._paths(tenant_id):
            with _told():
                try:
                    await obstore.delete_async(self._store, path)
                except FileNotFoundError:
                    continue
            yield 1
        if isinstance(self._store, LocalStore) and self._store.prefix is not None:
            # Folders, and uploads that were cut short, are no objects.
            shutil.rmtree(self._store.prefix / str(tenant_id), ignore_errors=True)

    async def _paths(self, tenant_id: UUID) -> AsyncIterator[str]:
        with _told():
            async for batch in obstore.list(self._store, prefix=str(tenant_id)):
                for entry in batch:
                    yield entry["path"]


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError) as error:
        raise OpsError(f"The object store did not do it: {error}") from error
