"""The tree of errors: one root, one class per reason, one exit code per class.

OcistacksError                1
├── UsageError                2   the command line or a setting makes no sense
├── SpecError                 3   venvstacks.toml is wrong
├── LockError                 4   a layer cannot be locked, or its lock is missing or stale
│   └── UnresolvedError       4   no set of packages fits a layer
├── BuildError                5   a layer could not be built
│   └── EngineError           5   no engine answers, or it refuses
├── NotFoundError             6   a tag, manifest, blob, layer or application is not there
├── AuthError                 7   the registry wants other credentials
├── DigestError               8   bytes do not match the digest that was promised
├── TargetError               9   a target folder or disk cannot take what is written
├── TransferError            10   a server does not answer, or answers wrongly
└── UnsafeContentError       11   an archive or manifest tries what is refused
"""

from __future__ import annotations


class OcistacksError(Exception):
    """A failure that is told to the user without a traceback.

    ``what`` says what was being done and what went wrong, in one sentence; ``where`` names the
    layer, file, TOML key path, digest or URL; ``found`` and ``expected`` are the two sides of a
    mismatch; ``hint`` says what to do next.
    """

    exit_code = 1

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        found: str | None = None,
        expected: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.found = found
        self.expected = expected
        self.hint = hint

    def __str__(self) -> str:
        parts = (
            ("where", self.where),
            ("found", self.found),
            ("expected", self.expected),
            ("hint", self.hint),
        )
        lines = [self.what]
        lines += [f"  {label}: {text}" for label, text in parts if text is not None]
        return "\n".join(lines)


class UsageError(OcistacksError):
    """The command line or a setting makes no sense."""

    exit_code = 2


class SpecError(OcistacksError):
    """The stack specification is wrong."""

    exit_code = 3


class LockError(OcistacksError):
    """A layer cannot be locked, or its lock is missing or stale."""

    exit_code = 4


class UnresolvedError(LockError):
    """No set of packages fits a layer; ``packages`` are those that lack a wheel, normalised."""

    def __init__(self, what: str, *, packages: tuple[str, ...] = (), **parts: str | None) -> None:
        super().__init__(what, **parts)
        self.packages = packages


class BuildError(OcistacksError):
    """A layer could not be built."""

    exit_code = 5


class EngineError(BuildError):
    """No container engine answers, or it refuses what is asked of it."""


class NotFoundError(OcistacksError):
    """A tag, manifest, blob, layer or application is not where it was looked for."""

    exit_code = 6


class AuthError(OcistacksError):
    """A server wants credentials that were not given, or refuses those that were."""

    exit_code = 7


class DigestError(OcistacksError):
    """Bytes do not match the digest that was promised for them."""

    exit_code = 8


class TargetError(OcistacksError):
    """A target folder or disk cannot take what is written to it."""

    exit_code = 9


class TransferError(OcistacksError):
    """A server does not answer, or answers with an error or with nonsense."""

    exit_code = 10


class MaterialError(TransferError):
    """A wheel or a Python archive cannot be fetched."""


class UnsafeContentError(OcistacksError):
    """An archive or manifest holds what is refused on principle."""

    exit_code = 11
