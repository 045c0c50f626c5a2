"""An upload's form, read as it arrives: a file of any size passes through, none is held.

Starlette's own form parser writes every file to a temporary folder first, unencrypted, and only
then lets the route see it.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl
from uuid import UUID

import orjson
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from services.documents.domain.documents import (
    MAX_FILES,
    Labels,
    Upload,
    UploadForm,
    checked_tags,
)
from services.documents.domain.errors import (
    AgentNotFound,
    AgentRequired,
    DocumentNotFound,
    MalformedLabels,
    MalformedUpload,
    UploadTooLarge,
)

MAX_FIELD_BYTES: Final = 64 * 1024
MAX_FIELDS: Final = 100
MAX_JSON_BYTES: Final = 1024 * 1024

_URL_FIELDS: Final = frozenset({"url", "urls", "urls[]"})
_GROUP_FIELDS: Final = ("groups", "groups[]", "group")
_TAG_FIELDS: Final = ("tags", "tags[]", "tag")
_OWN_FIELDS: Final = (
    frozenset({"agent_id", "document_id", "replace", *_GROUP_FIELDS, *_TAG_FIELDS}) | _URL_FIELDS
)
_NO: Final = frozenset({"false", "0", "no", "off"})


def upload_form(request: Request) -> UploadForm:
    """Return the request's body as a form, multipart or JSON, not yet read."""
    header, options = parse_options_header(request.headers.get("content-type", ""))
    if header == b"multipart/form-data" and options.get(b"boundary"):
        return MultipartForm(request.stream(), boundary=options[b"boundary"])
    if header == b"application/json":
        return JsonForm(request.stream())
    if header == b"application/x-www-form-urlencoded":
        return UrlEncodedForm(request.stream())
    return NoForm()


class Fields:
    """The fields of a form that are not files."""

    def __init__(self) -> None:
        self._values: dict[str, list[str]] = {}
        self._count = 0

    def put(self, name: str, value: str) -> None:
        """Keep a field; names may repeat.

        Raises:
            MalformedUpload: There are more than anyone needs.
        """
        self._count += 1
        if self._count > MAX_FIELDS:
            raise MalformedUpload(f"A form may have {MAX_FIELDS} fields besides its files.")
        self._values.setdefault(name, []).append(value)

    def agent_id(self) -> UUID:
        """Return the agent; see `UploadForm`."""
        text = self._values.get("agent_id", [""])[-1].strip()
        if not text:
            raise AgentRequired
        try:
            return UUID(text)
        except ValueError:
            raise AgentNotFound from None

    def document_id(self) -> UUID | None:
        """Return the document that gets the file; see `UploadForm`."""
        text = self._values.get("document_id", [""])[-1].strip()
        try:
            return UUID(text) if text else None
        except ValueError:
            raise DocumentNotFound from None

    def replace(self) -> bool:
        """Tell whether files take the place of those of the same name; they do unless told."""
        return self._values.get("replace", [""])[-1].strip().lower() not in _NO

    def urls(self) -> list[str]:
        """Return the addresses to fetch: repeated fields, a JSON array, or parted by commas."""
        found: list[str] = []
        for name in sorted(_URL_FIELDS):
            for value in self._values.get(name, []):
                found.extend(_listed(value))
        return found

    def labels(self) -> Labels:
        """Return tags and groups: repeated fields, a JSON array, or parted by commas."""
        groups, tags = (
            [
                one.strip()
                for name in names
                for value in self._values.get(name, [])
                for one in _listed(value)
            ]
            for names in (_GROUP_FIELDS, _TAG_FIELDS)
        )
        try:
            ids = tuple(dict.fromkeys(UUID(group) for group in groups))
        except ValueError:
            raise MalformedLabels from None
        return Labels(groups=ids, tags=checked_tags(tags))

    def extra(self) -> dict[str, str]:
        """Return the further fields; see `UploadForm`."""
        return {
            name: values[-1] for name, values in self._values.items() if name not in _OWN_FIELDS
        }


def _listed(value: str) -> list[str]:
    if value.lstrip().startswith("["):
        try:
            parsed = orjson.loads(value)
        except orjson.JSONDecodeError:
            return [value]
        return [str(item) for item in parsed]
    return [part.strip() for part in value.split(",") if part.strip()]


class NoForm(Fields):
    """A body that is neither, which is only told to those who may send one."""

    async def files(self) -> AsyncIterator[Upload]:
        """Refuse it."""
        nothing: tuple[Upload, ...] = ()
        for upload in nothing:
            yield upload
        raise MalformedUpload("Send the files as multipart/form-data.")


class _BodyForm(Fields, ABC):
    """A form in a body that can hold addresses but no files."""

    def __init__(self, stream: AsyncIterator[bytes]) -> None:
        super().__init__()
        self._stream = stream

    async def files(self) -> AsyncIterator[Upload]:
        """Read the body; there are no files to yield."""
        body = bytearray()
        async for chunk in self._stream:
            body += chunk
            if len(body) > MAX_JSON_BYTES:
                raise UploadTooLarge
        self.read(bytes(body))
        nothing: tuple[Upload, ...] = ()
        for upload in nothing:
            yield upload

    @abstractmethod
    def read(self, body: bytes) -> None:
        """Put the fields; raises `MalformedUpload`."""


class JsonForm(_BodyForm):
    """The JSON spelling of a form."""

    def read(self, body: bytes) -> None:
        """Put the fields, and the items of lists one by one."""
        try:
            parsed = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise MalformedUpload("The body is not valid JSON.") from None
        if not isinstance(parsed, dict):
            raise MalformedUpload("The body must be a JSON object.")
        for name, value in parsed.items():
            for item in value if isinstance(value, list) else [value]:
                self.put(name, item if isinstance(item, str) else orjson.dumps(item).decode())


class UrlEncodedForm(_BodyForm):
    """What clients send who have addresses and no files."""

    def read(self, body: bytes) -> None:
        """Put the fields."""
        try:
            for name, value in parse_qsl(body.decode(), max_num_fields=MAX_FIELDS):
                self.put(name, value)
        except ValueError:
            raise MalformedUpload("The body is not a readable form.") from None


@dataclass
class _PartBegins:
    name: str
    filename: str | None


@dataclass
class _PartData:
    data: bytes


@dataclass
class _PartEnds:
    pass


@dataclass
class _FormEnds:
    pass


_Event = _PartBegins | _PartData | _PartEnds | _FormEnds


@dataclass
class _Headers:
    name: bytearray = field(default_factory=bytearray)
    value: bytearray = field(default_factory=bytearray)
    disposition: bytes = b""

    def finish_one(self) -> None:
        if self.name.lower() == b"content-disposition":
            self.disposition = bytes(self.value)
        self.name.clear()
        self.value.clear()


class MultipartForm(Fields):
    """A multipart form that is parsed while it comes in."""

    def __init__(self, stream: AsyncIterator[bytes], *, boundary: bytes) -> None:
        super().__init__()
        self._stream = stream
        self._events: deque[_Event] = deque()
        self._headers = _Headers()
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_part_end": self._on_part_end,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise MalformedUpload from error

    async def files(self) -> AsyncIterator[Upload]:
        """Yield the files; fields are kept on the way. What a user leaves unread is skipped."""
        count = 0
        while True:
            event = await self._next()
            if isinstance(event, _FormEnds):
                return
            if not isinstance(event, _PartBegins):
                raise MalformedUpload
            if event.filename is None:
                self.put(event.name, await self._field())
                continue
            if not event.filename:
                # What a browser sends for a file field that was left empty.
                async for _ in self._content():
                    pass
                continue
            count += 1
            if count > MAX_FILES:
                raise UploadTooLarge(f"An upload may have {MAX_FILES} files.")
            content = self._content()
            yield Upload(filename=event.filename, chunks=content)
            async for _ in content:
                pass

    async def _field(self) -> str:
        value = bytearray()
        async for chunk in self._content():
            value += chunk
            if len(value) > MAX_FIELD_BYTES:
                raise MalformedUpload("A form field is longer than 64 KiB.")
        return value.decode(errors="replace")

    async def _content(self) -> AsyncIterator[bytes]:
        while True:
            event = await self._next()
            if isinstance(event, _PartEnds):
                return
            if not isinstance(event, _PartData):
                raise MalformedUpload
            yield event.data

    async def _next(self) -> _Event:
        while not self._events:
            chunk = await anext(self._stream, b"")
            if not chunk:
                # Starlette ends a stream with an empty chunk; ours ended before the form did.
                raise MalformedUpload("The upload breaks off before its end.")
            try:
                self._parser.write(chunk)
            except FormParserError as error:
                raise MalformedUpload from error
        return self._events.popleft()

    def _on_part_begin(self) -> None:
        self._headers = _Headers()

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._headers.name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._headers.value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers.finish_one()

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.disposition)
        name = options.get(b"name")
        if name is None:
            raise MalformedUpload("A part of the form has no name.")
        filename = options.get(b"filename")
        self._events.append(
            _PartBegins(
                name=name.decode(errors="replace"),
                filename=None if filename is None else filename.decode(errors="replace"),
            )
        )

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(_PartData(data[start:end]))

    def _on_part_end(self) -> None:
        self._events.append(_PartEnds())

    def _on_end(self) -> None:
        self._events.append(_FormEnds())
