"""Code of packages runs where it cannot see this machine's files, or not at all."""

import pytest

from ocistacks.builder.local import Isolation, LocalBuilder
from ocistacks.builder.task import Task
from ocistacks.errors import EngineError
from ocistacks.store.store import Store

TASK = Task(
    name="the wheel of demo 1.0",
    module="this",
    arguments=lambda _materials: (),
    files={},
    materials=(),
    output="wheel",
    foreign_code=True,
)


def test_without_a_toolchain_root_it_does_not_run(tmp_path):
    isolation = Isolation(name="bubblewrap", here=lambda _work, _materials: (), within=None)
    builder = LocalBuilder(Store(tmp_path / "store"), isolation, print)
    with pytest.raises(EngineError) as caught:
        builder.run(TASK, output=tmp_path / "wheel", on_step=print)
    assert str(caught.value) == (
        "the wheel of demo 1.0 is not built here: its code could read this machine's files.\n"
        "  where: builder local (bubblewrap)\n"
        "  expected: bubblewrap or unshare with user namespaces, and apt for a toolchain\n"
        "  hint: use --builder docker or podman"
    )
    assert not (tmp_path / "wheel").exists()
    assert list((tmp_path / "store" / "temporary").iterdir()) == []
