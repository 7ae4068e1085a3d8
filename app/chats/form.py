"""The upload form, read from the stream into memory.

The web framework would spool files above a megabyte to disk, in plain text.
"""

import asyncio
from collections.abc import AsyncIterable
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.errors import Busy, TooLarge, ValidationFailed

READ_S_MAX = 120
"""A slow upload gives its slot back; the largest file needs 3 Mbit/s."""
FIELD_BYTES_MAX = 1_024
PARTS_MAX = 8
FILENAME_CHARS_MAX = 255
_WITHOUT_MEDIA = (
    "The file is larger than what is accepted: export the chat without media, or unpack the"
    " archive and upload its text file alone."
)


@dataclass(frozen=True, slots=True)
class UploadForm:
    """The file of a form and its other fields by name."""

    filename: str
    content: bytes
    fields: dict[str, str]


async def read_upload_form(
    stream: AsyncIterable[bytes], content_type: str, *, file_bytes_max: int
) -> UploadForm:
    """The form with its one `file`. Raises ValidationFailed, TooLarge or Busy."""
    media_type, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if media_type != b"multipart/form-data" or not boundary:
        raise ValidationFailed.of("body", "must be multipart/form-data")
    parts = _Parts(file_bytes_max)
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": parts.begin,
                "on_header_field": parts.on_header_name,
                "on_header_value": parts.on_header_value,
                "on_header_end": parts.end_header,
                "on_headers_finished": parts.name_part,
                "on_part_data": parts.on_content,
                "on_part_end": parts.end,
                "on_end": parts.end_all,
            },
        )
        async with asyncio.timeout(READ_S_MAX):
            async for chunk in stream:
                parser.write(chunk)
        parser.finalize()
    except TimeoutError as error:
        raise Busy("The upload did not arrive in time.") from error
    except FormParserError as error:
        raise ValidationFailed.of("body", "is not a well-formed multipart form") from error
    return parts.form()


@dataclass(slots=True)
class _Parts:
    """Collects the parts of a form as the parser comes to them."""

    file_bytes_max: int
    fields: dict[str, str] = field(default_factory=dict[str, str])
    filename: str | None = None
    content: bytes | None = None
    _count: int = 0
    _is_whole: bool = False
    _name: str = ""
    _is_file: bool = False
    _bytes: bytearray = field(default_factory=bytearray)
    _header: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _disposition: bytes = b""

    def form(self) -> UploadForm:
        if not self._is_whole:
            raise ValidationFailed.of("body", "ends before the form does")
        if self.content is None:
            raise ValidationFailed.of("file", "is missing")
        return UploadForm(self.filename or "", self.content, self.fields)

    def begin(self) -> None:
        self._count += 1
        if self._count > PARTS_MAX:
            raise ValidationFailed.of("body", f"has more than {PARTS_MAX} parts")
        self._bytes, self._disposition = bytearray(), b""

    def on_header_name(self, chunk: bytes, start: int, end: int) -> None:
        self._header += chunk[start:end]

    def on_header_value(self, chunk: bytes, start: int, end: int) -> None:
        self._value += chunk[start:end]

    def end_header(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header, self._value = bytearray(), bytearray()

    def name_part(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = _text("body", options.get(b"name", b""))
        self._is_file = self._name == "file"
        if self._is_file:
            if self.content is not None:
                raise ValidationFailed.of("file", "is given twice")
            filename = _text("file", options.get(b"filename", b""))
            self.filename = filename[-FILENAME_CHARS_MAX:]

    def on_content(self, chunk: bytes, start: int, end: int) -> None:
        bytes_max = self.file_bytes_max if self._is_file else FIELD_BYTES_MAX
        if len(self._bytes) + end - start > bytes_max:
            raise TooLarge(_WITHOUT_MEDIA if self._is_file else None, bytes_max=bytes_max)
        self._bytes += chunk[start:end]

    def end(self) -> None:
        if self._is_file:
            self.content = bytes(self._bytes)
        else:
            self.fields[self._name] = _text(self._name, bytes(self._bytes))
        self._bytes = bytearray()

    def end_all(self) -> None:
        self._is_whole = True


def _text(field_name: str, encoded: bytes) -> str:
    try:
        decoded = encoded.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValidationFailed.of(field_name, "is not UTF-8") from error
    if "\0" in decoded:
        raise ValidationFailed.of(field_name, "holds a NUL")
    return decoded
