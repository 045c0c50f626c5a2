import time
from uuid import UUID

import pytest

from libs.common.ids import new_id, new_task_id, service_of_task


class TestNewId:
    def test_is_a_time_ordered_uuid(self) -> None:
        ids = [new_id() for _ in range(3)]

        assert {7} == {i.version for i in ids}
        assert ids[0].int >> 80 <= ids[1].int >> 80 <= ids[2].int >> 80

    def test_follows_those_before_it(self) -> None:
        ids = [new_id() for _ in range(10_000)]

        assert ids == sorted(ids)
        milliseconds = ids[-1].int >> 80
        assert abs(milliseconds - time.time() * 1000) < 1000

    def test_is_unique(self) -> None:
        assert len({new_id() for _ in range(10_000)}) == 10_000


class TestNewTaskId:
    @pytest.mark.parametrize(
        "service", ["auth", "agents", "conversations", "documents", "analytics"]
    )
    def test_names_its_service(self, service: str) -> None:
        task_id = new_task_id(service)

        assert task_id.version == 4
        assert service_of_task(task_id) == service

    def test_knows_no_service_by_other_digits(self) -> None:
        assert service_of_task(UUID("0b5e0f3e-5d1c-4e7a-9d0a-6d9a3f2c1b00")) is None
