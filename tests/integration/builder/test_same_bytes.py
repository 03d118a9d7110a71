"""Equal input digests give equal blobs: whichever builder, checkout, umask and number of jobs."""

import hashlib
import json

import pytest

# Each value of each column meets most values of the others; the first row is what users have.
COMBINATIONS = {
    "docker": ("docker", "here", 0o022, 2),
    "podman": ("podman", "elsewhere", 0o077, 1),
    "local": ("local", "here", 0o077, 3),
    "local-elsewhere": ("local", "elsewhere", 0o022, 1),
}


@pytest.fixture(scope="module")
def checkouts(make_checkout):
    return {"here": make_checkout("a"), "elsewhere": make_checkout("another-and-longer-name")}


@pytest.mark.timeout(900)
def test_every_builder_gives_the_same_blobs(checkouts, engine_environments, fresh_store):
    built = {}
    for name, (builder, checkout, umask, jobs) in COMBINATIONS.items():
        built[name] = checkouts[checkout].build(
            *("--builder", builder, "--jobs", jobs, "--force"),
            environment=engine_environments[builder],
            store=fresh_store(name),
            umask=umask,
        )
    expected = built["docker"]
    assert len(expected) == 4, "a runtime, a framework and two applications"
    assert len(set(expected.values())) == 4
    assert built == dict.fromkeys(COMBINATIONS, expected)


BUILDERS = ("docker", "podman", "local")
PLATFORMS = ("linux_x86_64", "linux_aarch64")
SPEC = """
[[runtimes]]
name = "python"
python_implementation = "cpython@3.13.5"
requirements = []

[[frameworks]]
name = "pure"
runtime = "python"
requirements = ["pure"]

[tool.uv]
find-links = ["sdists", "wheels"]
"""
BUILD_SYSTEM = (
    '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
)
PURE = {
    "pyproject.toml": BUILD_SYSTEM + '[project]\nname = "pure"\nversion = "1.0"\n',
    "pure.py": "def answer():\n    return 42\n",
}
COMPILED = {
    "pyproject.toml": BUILD_SYSTEM + '[project]\nname = "compiled"\nversion = "1.0"\n',
    "setup.py": (
        "from setuptools import Extension, setup\n"
        'setup(ext_modules=[Extension("compiled", ["compiled.c"])])\n'
    ),
    "compiled.c": (
        "#include <Python.h>\n"
        'static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "compiled", 0, -1};\n'
        "PyMODINIT_FUNC PyInit_compiled(void) { return PyModule_Create(&definition); }\n"
    ),
}


@pytest.fixture
def make_stack(tmp_path, python_pin, test_store, make_sdist):
    """A function that makes a folder with the stack, and gives its specification."""

    def make(name):
        folder = tmp_path / name
        (folder / "sdists").mkdir(parents=True)
        (folder / "wheels").mkdir()
        for package, files in {"pure": PURE, "compiled": COMPILED}.items():
            sdist = folder / "sdists" / f"{package}-1.0.tar.gz"
            sdist.write_bytes(make_sdist(package, "1.0", files))
        # One archive stands for both platforms: of a foreign one nothing is run.
        source = {"url": test_store.blob_path(python_pin.digest).as_uri()}
        sources = {one: {**source, "sha256": python_pin.sha256} for one in PLATFORMS}
        tables = "".join(
            f'[tool.ocistacks.python_sources."3.13.5".{platform}]\n'
            f'url = "{one["url"]}"\nsha256 = "{one["sha256"]}"\n'
            for platform, one in sources.items()
        )
        (folder / "venvstacks.toml").write_text(SPEC + tables)
        return folder / "venvstacks.toml"

    return make


@pytest.mark.timeout(900)
def test_every_builder_gives_the_same_wheels_and_layers_for_another_platform(
    checkout, engine_environments, fresh_store, make_stack
):
    wheels, layers = {}, {}
    for builder in BUILDERS:
        spec, store = make_stack(f"stack-{builder}"), fresh_store(builder)

        def run(*words, builder=builder, store=store):
            code, stdout, stderr = checkout.run(
                *words,
                *("--quiet", "--builder", builder),
                environment=engine_environments[builder],
                store=store,
            )
            assert code == 0, f"{stdout}\n{stderr}"

        run("wheels", spec, "pure", "compiled")
        built = {path.name: path.read_bytes() for path in (spec.parent / "wheels").glob("*.whl")}
        wheels[builder] = {
            name: hashlib.sha256(content).hexdigest() for name, content in built.items()
        }
        platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
        run("lock", spec, *platforms)
        run("build", spec, *platforms)
        records = (store / "builds").glob("*.json")
        layers[builder] = {one.stem: json.loads(one.read_text())["digest"] for one in records}
    assert sorted(name.partition("-")[0] for name in wheels["local"]) == ["compiled", "pure"]
    assert wheels == dict.fromkeys(BUILDERS, wheels["local"])
    assert len(layers["local"]) == 2 * len(PLATFORMS)
    assert layers == dict.fromkeys(BUILDERS, layers["local"])
