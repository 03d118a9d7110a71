"""What packages rely on in one environment holds across layers: namespaces, metadata, schemes."""

import pytest

from ocistacks.platforms import Platform
from ocistacks.spec.names import LayerKind
from ocistacks.tree.layout import tree_layout
from ocistacks.tree.wheel_files import check_wheels

SITE_PACKAGES = "lib/python3.13/site-packages"
BASE, APPLICATION = "framework-base", "app-demo"
SCRIPT = "#!python\nimport sys, parts.{name}\nprint(parts.{name}.NAME, *sys.argv[1:])\n"
SEEN = "import sys; sys.__dict__.setdefault('seen_by_pth', []).append('{name}')\n"


def portion(shop, name, extra=None, **options):
    """A wheel with one portion of the namespace package ``parts`` (PEP 420), and more files."""
    files = {f"parts/{name}.py": f"NAME = '{name}'\ndef main():\n    print(NAME)\n"}
    return shop.wheel(f"parts_{name}", {**files, **(extra or {})}, **options)


@pytest.fixture(scope="module")
def blobs(tmp_path_factory, make_workshop):
    shop = make_workshop(tmp_path_factory.mktemp("across"))
    low = portion(
        shop,
        "low",
        {
            "parts_low.pth": f"low_extra\n{SEEN.format(name='low')}",
            "low_extra/onlow.py": "NAME = 'through the .pth of the runtime'\n",
            "parts_low-1.0.data/purelib/pure.py": "NAME = 'purelib'\n",
        },
        entry_points="[demo.plugins]\nlow = parts.low:main\n",
    )
    base = portion(
        shop,
        "base",
        {
            "parts_base.pth": SEEN.format(name="base"),
            "parts_base-1.0.data/platlib/plat.py": "NAME = 'platlib'\n",
            "parts_base-1.0.data/data/share/demo/base.txt": "data of base\n",
            "parts_base-1.0.data/headers/demo/base.h": "#define BASE\n",
            "parts_base-1.0.data/scripts/base-script": SCRIPT.format(name="base"),
        },
        entry_points="[console_scripts]\nbase-console = parts.base:main\n"
        "[gui_scripts]\nbase-window = parts.base:main\n[demo.plugins]\nbase = parts.base:main\n",
    )
    top = portion(shop, "top", entry_points="[demo.plugins]\ntop = parts.top:main\n")
    requests = [
        shop.request("runtime", kind=LayerKind.RUNTIME, wheels=(low,), bytecode=False),
        shop.request(BASE, wheels=(base,), bytecode=False),
        shop.request(
            APPLICATION,
            kind=LayerKind.APPLICATION,
            lower_targets=(BASE, "runtime"),
            wheels=(top,),
            bytecode=False,
        ),
    ]
    return [shop.pack(shop.assemble(request)) for request in requests]


@pytest.fixture(params=["shallow", "a/much deeper/place"])
def deployed(request, blobs, unpack):
    return unpack(blobs, request.param)


def test_a_namespace_package_has_the_portions_of_all_layers(deployed, answer):
    code = (
        "import parts, parts.low, parts.base, parts.top;"
        "print(json.dumps([[m.NAME for m in (parts.low, parts.base, parts.top)],"
        "list(parts.__path__)]))"
    )
    names, places = answer(deployed / APPLICATION / "bin/python", code)
    assert names == ["low", "base", "top"]
    assert places == [
        str(deployed / layer / SITE_PACKAGES / "parts") for layer in (APPLICATION, BASE, "runtime")
    ]


def test_a_layer_has_no_portion_of_the_layers_above(deployed, answer):
    code = "import pkgutil, parts; print(json.dumps([m.name for m in pkgutil.iter_modules("
    code += "parts.__path__)]))"
    assert answer(deployed / BASE / "bin/python", code) == ["base", "low"]
    assert answer(deployed / "runtime/bin/python3.13", code) == ["low"]


def test_pth_files_of_all_layers_are_read_once_each_nearest_first(deployed, answer):
    code = "import sys, onlow; print(json.dumps([onlow.NAME, sys.seen_by_pth]))"
    told = "through the .pth of the runtime"
    assert answer(deployed / APPLICATION / "bin/python", code) == [told, ["base", "low"]]
    assert answer(deployed / "runtime/bin/python3.13", code) == [told, ["low"]]


def test_metadata_and_entry_points_of_all_layers_are_seen(deployed, answer):
    code = (
        "from importlib import metadata as m;"
        "found = {e.name: e.load().__module__ for e in m.entry_points(group='demo.plugins')};"
        "names = [m.version(f'parts_{n}') for n in ('low', 'base', 'top')];"
        "print(json.dumps([found, names]))"
    )
    assert answer(deployed / APPLICATION / "bin/python", code) == [
        {"low": "parts.low", "base": "parts.base", "top": "parts.top"},
        ["1.0", "1.0", "1.0"],
    ]


def test_every_file_that_metadata_lists_is_there(deployed, answer):
    code = (
        "from importlib import metadata as m;"
        "print(json.dumps([str(f) for d in m.distributions() for f in d.files"
        " if not f.locate().is_file()]))"
    )
    assert answer(deployed / APPLICATION / "bin/python", code) == []


def test_each_scheme_of_a_wheel_goes_to_its_place(deployed, answer):
    code = "import pure, plat; print(json.dumps([pure.NAME, plat.NAME]))"
    assert answer(deployed / APPLICATION / "bin/python", code) == ["purelib", "platlib"]
    base = deployed / BASE
    assert (base / "share/demo/base.txt").read_text() == "data of base\n"
    header = base / "include/site/python3.13/parts-base/demo/base.h"
    assert header.read_text() == "#define BASE\n"


@pytest.mark.parametrize(
    ("script", "printed"),
    [("base-console", "base\n"), ("base-window", "base\n"), ("base-script", "base x\n")],
)
def test_scripts_of_a_framework_run_where_it_lies(deployed, run_there, script, printed):
    finished = run_there(deployed / BASE / "bin" / script, "x")
    assert (finished.stdout, finished.stderr) == (printed, "")


@pytest.mark.parametrize("platform", [Platform.LINUX_X86_64, Platform.WIN_AMD64])
def test_a_wheel_is_installed_where_its_check_foresees(workshop, platform):
    wheel = portion(
        workshop,
        "odd",
        {
            f"parts_odd-1.0.data/{scheme}/{scheme}.txt": "x\n"
            for scheme in ("purelib", "platlib", "data", "headers", "scripts")
        },
        entry_points="[console_scripts]\nodd = parts.odd:main\n",
    )
    layout = tree_layout(platform, "3.13")
    [foreseen] = check_wheels((wheel,), material=workshop.material, layout=layout, jobs=1)
    request = workshop.request(BASE, wheels=(wheel,), platform=platform, bytecode=False)
    tree = workshop.assemble(request)
    assert len(foreseen) == 10
    assert [name for name in foreseen if not (tree / name).is_file()] == []
