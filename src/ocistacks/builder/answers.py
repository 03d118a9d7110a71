"""What a builder answers: the blob that it made, taken into the store once it is verified."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from ocistacks.blob.model import Blob
from ocistacks.digests import Digest
from ocistacks.errors import BuildError, DigestError

if TYPE_CHECKING:
    from pathlib import Path

    from ocistacks.builder.task import Builder, Task
    from ocistacks.store.store import Store


def adopt_answer(answer: str, output: Path, store: Store, task: Task, builder: Builder) -> Blob:
    """Return the blob that a task's last line of stdout tells of, with its file in the store.

    Raises:
        BuildError: the answer tells of no blob.
        DigestError: the file is not that blob.
    """
    try:
        blob = Blob.model_validate_json(answer)
    except ValidationError as error:
        raise BuildError(
            f"The builder gave no answer for {task.name}.",
            where=f"builder {builder.name}",
            found=answer[:500] or "nothing",
        ) from error
    found = Digest.of_file(output)
    if found != blob.digest:
        raise DigestError(
            f"The blob of {task.name} was damaged on its way out of the builder.",
            where=f"builder {builder.name}",
            found=found,
            expected=blob.digest,
            hint="build again",
        )
    store.adopt(output, blob.digest)
    return blob
