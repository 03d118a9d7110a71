"""Two libraries, a module that needs them, and layers in which their wheels lie."""

import pytest

from ocistacks.spec.names import LayerKind

LINKS = "share/venv/dynlib"
BASE, HIGH, APPLICATION = "framework-base", "framework-high@3", "app-demo"
LOWER = {
    "runtime": (),
    BASE: ("runtime",),
    HIGH: (BASE, "runtime"),
    APPLICATION: (HIGH, BASE, "runtime"),
}
MODULE_NAME = "linked.cpython-313-x86_64-linux-gnu.so"

INNER = "int inner(void) { return 40; }\n"
OUTER = "int inner(void);\nint outer(void) { return inner() + 2; }\n"
OTHER = "int outer(void) { return 7; }\n"
MODULE = """\
#include <Python.h>
int outer(void);
static PyObject *answer(PyObject *self, PyObject *none) { return PyLong_FromLong(outer()); }
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, 0}, {0}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "linked", 0, -1, methods};
PyMODINIT_FUNC PyInit_linked(void) { return PyModule_Create(&definition); }
"""


@pytest.fixture(scope="session")
def binaries(compiled, runtime):
    """Two libraries, the module that needs one of them, and others like these."""
    inner = compiled(INNER, "libinner.so.1", "-Wl,-soname,libinner.so.1")
    outer = compiled(OUTER, "libouter.so.2", "-Wl,-soname,libouter.so.2", inner)
    headers = f"-I{runtime[1]}/include/python3.13"
    old_kind = "-Wl,--disable-new-dtags,-rpath,$ORIGIN/own"
    made = {
        "inner": inner,
        "outer": outer,
        "other": compiled(OTHER, "libouter.so.2", "-Wl,-soname,libouter.so.2"),
        "module": compiled(MODULE, "linked.so", headers, outer),
        "old kind": compiled(MODULE, "linked.so", headers, outer, old_kind),
        "own path": compiled(MODULE, "linked.so", headers, outer, "-Wl,-rpath,$ORIGIN/own"),
        "bare": compiled(MODULE, "linked.so", headers, "-Wl,--unresolved-symbols=ignore-all"),
    }
    return {name: path.read_bytes() for name, path in made.items()}


@pytest.fixture
def module_source():
    """The source of the module, to be linked in another way."""
    return MODULE


@pytest.fixture
def wheels_of(workshop, binaries):
    """A function that gives the three wheels, of those binaries or of others."""

    def made(content=binaries, *, module="module"):
        return (
            workshop.wheel("inner", {"inner/lib/libinner.so.1": content["inner"]}),
            workshop.wheel("outer", {"outer_files/libouter.so.2": content["outer"]}),
            workshop.wheel("linked", {MODULE_NAME: content[module]}),
        )

    return made


@pytest.fixture
def layer(workshop):
    """A function that assembles the tree of a layer with wheels."""

    def assembled(target, wheels, **changes):
        kind = {"runtime": LayerKind.RUNTIME, APPLICATION: LayerKind.APPLICATION}.get(target)
        given = {
            "kind": kind or LayerKind.FRAMEWORK,
            "lower_targets": LOWER[target],
            "wheels": tuple(wheels),
            "bytecode": False,
        }
        return workshop.assemble(workshop.request(target, **given, **changes))

    return assembled


@pytest.fixture
def stack(layer, workshop, runtime):
    """A function from wheels and the layers they lie in to the blobs of all layers."""

    def built(wheels, places, **changes):
        blobs = []
        for target in LOWER:
            here = [wheel for wheel, place in zip(wheels, places, strict=True) if place == target]
            if target == "runtime" and not here:
                blobs.append(runtime[0])
            else:
                blobs.append(workshop.pack(layer(target, here, **changes)))
        return blobs

    return built


@pytest.fixture
def links():
    """A function that gives the links that a layer offers: name to target."""

    def read(tree):
        folder = tree / LINKS
        paths = folder.iterdir() if folder.exists() else ()
        return {path.name: str(path.readlink()) for path in paths}

    return read
