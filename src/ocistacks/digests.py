"""Content digests: `sha256:<64 hex digits>` (OCI image spec 1.1, "Digests")."""

from __future__ import annotations

import hashlib
import re
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from pydantic_core import core_schema

from ocistacks.errors import DigestError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_FORM = re.compile(r"sha256:[0-9a-f]{64}")
_FAULT = "This is not a digest that ocistacks can check."
_EXPECTED = "sha256: and 64 lower-case hexadecimal digits"


class Digest(str):
    """A SHA-256 digest in its canonical text form, checked when it is made."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Take ``text`` as it stands; raise DigestError if it is not a SHA-256 digest."""
        if not _FORM.fullmatch(text):
            raise DigestError(
                _FAULT,
                found=repr(text[:100]),
                expected=_EXPECTED,
            )
        return super().__new__(cls, text)

    @classmethod
    def from_hex(cls, hexadecimal: str) -> Self:
        """Return the digest whose bare hexadecimal form is given."""
        return cls(f"sha256:{hexadecimal}")

    @classmethod
    def of_bytes(cls, content: bytes) -> Self:
        """Return the digest of ``content``."""
        return cls.from_hex(hashlib.sha256(content).hexdigest())

    @classmethod
    def of_chunks(cls, chunks: Iterable[bytes]) -> Self:
        """Return the digest of the concatenation of ``chunks``."""
        hasher = hashlib.sha256()
        for chunk in chunks:
            hasher.update(chunk)
        return cls.from_hex(hasher.hexdigest())

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """Return the digest of a file's content, read as a stream."""
        with path.open("rb") as stream:
            return cls.from_hex(hashlib.file_digest(stream, "sha256").hexdigest())

    @property
    def hex(self) -> str:
        """The 64 hexadecimal digits alone."""
        return self.removeprefix("sha256:")

    @property
    def short(self) -> str:
        """The first 12 hexadecimal digits, for people to read."""
        return self.hex[:12]

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> core_schema.CoreSchema:  # noqa: ANN401
        # A pattern and no call of ours: tables of contents hold many thousand digests.
        checked = core_schema.no_info_after_validator_function(
            partial(str.__new__, cls), core_schema.str_schema(pattern=f"^{_FORM.pattern}$")
        )
        return core_schema.custom_error_schema(
            checked,
            custom_error_type="digest",
            custom_error_message=f"{_FAULT} Expected {_EXPECTED}.",
        )
