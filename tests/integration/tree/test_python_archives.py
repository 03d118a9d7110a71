"""Archives that hold another Python than was asked for."""

import pytest

from ocistacks.errors import BuildError
from ocistacks.request.model import LayerKind


@pytest.mark.parametrize("kind", [LayerKind.RUNTIME, LayerKind.FRAMEWORK])
def test_a_python_of_another_version_is_told(workshop, kind):
    with pytest.raises(BuildError) as caught:
        workshop.assemble(workshop.request("layer", kind=kind, version="3.12.1"))
    assert caught.value.what == "A Python archive does not hold the Python that is wanted."
    assert caught.value.where == workshop.python_archive.name
    assert "python3.13" in caught.value.found
    assert caught.value.expected == "bin/python3.12"


def test_an_archive_without_an_interpreter_is_told(bare_workshop):
    bare_workshop.python_digest = bare_workshop.archive("odd", {"lib/python3.13/os.py": ""})
    with pytest.raises(BuildError) as caught:
        bare_workshop.assemble(bare_workshop.request("layer", kind=LayerKind.RUNTIME))
    assert caught.value.found == "no interpreter"
