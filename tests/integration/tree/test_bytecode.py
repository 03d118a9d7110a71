"""Bytecode has the same bytes whatever is compiled beside it, before it or at the same time."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ocistacks.errors import BuildError
from ocistacks.tree.bytecode import compile_bytecode

# Equal constant sets in functions that have other constants, too: whether the compiler shares them
# depends on which of their strings other code in the process has interned.
SETS = "".join(
    f"def f{n}(x):\n    return g({{'brute', 'kd_tree', 'auto'}}, {n}.5)\n" for n in range(3)
)
NAMES = "brute = kd_tree = auto = 1\n"
WARNING = "x = '\\d'  # an escape that is none\n"
LATIN = b"# -*- coding: latin-1 -*-\nx = '\xe9'\n"


@pytest.fixture(scope="module")
def python(runtime):
    return runtime[1] / "bin" / "python3.13"


@pytest.fixture(scope="module")
def sources(tmp_path_factory, python):
    """A tree without bytecode: a part of the standard library, and what is known to be tricky."""
    lib = tmp_path_factory.mktemp("sources") / "lib"
    library = python.parents[1] / "lib" / "python3.13"
    for package in ("json", "asyncio", "email", "unittest"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(library / package, lib / package, ignore=ignored)
    for name, text in (("a_names", NAMES), ("sets", SETS), ("z_names", NAMES), ("warn", WARNING)):
        (lib / f"{name}.py").write_text(text)
    (lib / "latin.py").write_bytes(LATIN)
    (lib / "template.py").write_text("{{ no Python }}\n")
    (lib / "cut.py").write_bytes(b"x = 1\0")
    return lib


def compiled(tree, lib, python, jobs):
    """Compile a copy of a folder; return the bytecode: path -> content."""
    shutil.copytree(lib, tree / "lib")
    compile_bytecode(tree, "lib", "framework-x", python, jobs)
    return {path.relative_to(tree): path.read_bytes() for path in tree.rglob("*.pyc")}


def test_the_number_of_processes_does_not_show(sources, python, tmp_path):
    results = [compiled(tmp_path / str(jobs), sources, python, jobs) for jobs in (1, 2, 5)]
    assert len(results[0]) > 70
    assert results[0] == results[1] == results[2]


def test_the_order_of_files_does_not_show(sources, python, tmp_path):
    together = compiled(tmp_path / "together", sources, python, 1)
    for name in ("sets", "a_names", "z_names", "warn", "latin", "json/decoder", "email/message"):
        source = (sources / name).with_suffix(".py")
        alone = tmp_path / "alone" / name
        target = alone / "only" / source.relative_to(sources)
        target.parent.mkdir(parents=True)
        shutil.copy(source, target)
        [(path, content)] = compiled(alone / "tree", alone / "only", python, 1).items()
        assert together[path] == content, path


def test_a_file_s_neighbours_do_not_show(sources, python, tmp_path):
    # Few enough files that they are compiled in one process, one after the other.
    neighbours = {"a_names": NAMES, "b_sets": SETS, "c_sets": SETS, "d_names": NAMES}
    results = {}
    for names in (("b_sets",), ("c_sets",), tuple(neighbours), ("a_names", "c_sets")):
        lib = tmp_path / "-".join(names) / "lib"
        lib.mkdir(parents=True)
        for name in names:
            (lib / f"{name}.py").write_text(neighbours[name])
        results[names] = compiled(lib.parent / "tree", lib, python, 1)
    for alone, *together in (
        (("b_sets",), tuple(neighbours)),
        (("c_sets",), tuple(neighbours), ("a_names", "c_sets")),
    ):
        [(path, content)] = results[alone].items()
        assert [results[names][path] == content for names in together] == [True] * len(together)


def test_files_that_are_no_python_have_no_bytecode(sources, python, tmp_path):
    names = {path.name for path in compiled(tmp_path / "tree", sources, python, 2)}
    assert "latin.cpython-313.pyc" in names
    assert "warn.cpython-313.pyc" in names
    assert {name for name in names if name.startswith(("template", "cut"))} == set()


def test_tracebacks_name_the_install_target_until_python_puts_the_real_place(
    sources, python, tmp_path
):
    content = compiled(tmp_path / "tree", sources, python, 2)[
        Path("lib/__pycache__/sets.cpython-313.pyc")
    ]
    code = "import marshal, sys; print(marshal.loads(sys.stdin.buffer.read()).co_filename)"
    told = subprocess.run([python, "-c", code], input=content[16:], capture_output=True, check=True)
    assert told.stdout == b"framework-x/lib/sets.py\n"


def test_an_interpreter_that_fails_is_told_of(sources, tmp_path):
    shutil.copytree(sources, tmp_path / "tree" / "lib")
    (tmp_path / "tree" / "lib" / "__pycache__").write_text("in the way of a folder")
    with pytest.raises(BuildError) as caught:
        compile_bytecode(tmp_path / "tree", "lib", "framework-x", Path(sys.executable), 1)
    message = str(caught.value)
    assert message.startswith(
        "The layer's bytecode cannot be compiled.\n  where: layer framework-x\n  found: "
    )
    assert "ended with exit code 1\n" in message
    assert message.endswith(
        "\n  hint: set bytecode = false in [tool.ocistacks] to build the layer without"
    )
