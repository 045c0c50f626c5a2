import random
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from services.documents.domain.errors import AgentNotFound, AgentRequired, MalformedUpload
from services.documents.endpoints.upload_form import JsonForm, MultipartForm

AGENT = UUID("0193e0a1-c2d3-7e5f-8a9b-0c1d2e3f4a5b")
BOUNDARY = b"frontier"


def field(name: str, value: str) -> bytes:
    return (
        f'--frontier\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    )


def file(name: str, filename: str, content: bytes) -> bytes:
    head = (
        f'--frontier\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return head.encode() + content + b"\r\n"


END = b"--frontier--\r\n"


async def stream(body: bytes, *, seed: int | None = None) -> AsyncIterator[bytes]:
    """Yield a body as Starlette does: in pieces, then an empty one."""
    rng = random.Random(seed)
    while body:
        size = rng.randint(1, 50) if seed is not None else len(body)
        yield body[:size]
        body = body[size:]
    yield b""


async def contents(form: MultipartForm) -> list[tuple[str, bytes]]:
    return [
        (upload.filename, b"".join([chunk async for chunk in upload.chunks]))
        async for upload in form.files()
    ]


class TestMultipartForm:
    @pytest.mark.parametrize("seed", [None, *range(10)])
    async def test_reads_files_and_fields_however_they_are_cut(self, seed: int | None) -> None:
        tricky = b"\r\n--frontie\r\n--front\r\n\r\n" + bytes(range(256))
        body = (
            field("agent_id", str(AGENT))
            + file("files[]", "a.txt", b"one")
            + file("file", "Ärger \u00fc.md", tricky)
            + field("team", "Müller")
            + file("files", "", b"")
            + END
        )
        form = MultipartForm(stream(body, seed=seed), boundary=BOUNDARY)

        read = await contents(form)

        assert read == [("a.txt", b"one"), ("Ärger ü.md", tricky)]
        assert form.agent_id() == AGENT
        assert form.extra() == {"team": "Müller"}

    async def test_the_agent_may_come_last_and_files_unread(self) -> None:
        body = file("file", "a.txt", b"x" * 10_000) + field("agent_id", str(AGENT)) + END
        form = MultipartForm(stream(body, seed=1), boundary=BOUNDARY)

        assert [upload.filename async for upload in form.files()] == ["a.txt"]
        assert form.agent_id() == AGENT

    @pytest.mark.parametrize(
        "fields",
        [
            field("urls", "https://a.example/") + field("urls", "https://b.example/"),
            field("urls", '["https://a.example/", "https://b.example/"]'),
            field("url", "https://a.example/") + field("urls", "https://b.example/"),
            field("urls", "https://a.example/, https://b.example/"),
        ],
    )
    async def test_reads_addresses_in_every_spelling(self, fields: bytes) -> None:
        form = MultipartForm(stream(fields + END), boundary=BOUNDARY)
        await contents(form)

        assert form.urls() == ["https://a.example/", "https://b.example/"]

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"not a form at all",
            file("file", "a.txt", b"cut"),
            file("file", "a.txt", b"cut")[:-10],
            b"--frontier\r\nContent-Type: text/plain\r\n\r\nnameless\r\n" + END,
            field("name", "x" * 100_000) + END,
            b"".join(field(f"name{n}", "x") for n in range(200)) + END,
        ],
    )
    async def test_refuses_what_is_no_form(self, body: bytes) -> None:
        with pytest.raises(MalformedUpload):
            await contents(MultipartForm(stream(body), boundary=BOUNDARY))

    async def test_says_which_agent_is_missing(self) -> None:
        form = MultipartForm(stream(END), boundary=BOUNDARY)
        await contents(form)
        with pytest.raises(AgentRequired):
            form.agent_id()
        form.put("agent_id", "not-a-uuid")
        with pytest.raises(AgentNotFound):
            form.agent_id()


class TestJsonForm:
    async def test_reads_addresses(self) -> None:
        form = JsonForm(stream(b'{"agent_id": "%s", "urls": ["a", "b"]}' % str(AGENT).encode()))

        assert [upload async for upload in form.files()] == []
        assert form.agent_id() == AGENT
        assert form.urls() == ["a", "b"]

    @pytest.mark.parametrize("body", [b"", b"[1]", b"{"])
    async def test_refuses_other_json(self, body: bytes) -> None:
        with pytest.raises(MalformedUpload):
            [upload async for upload in JsonForm(stream(body)).files()]
