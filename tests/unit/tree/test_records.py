"""RECORD after installation: true, in order, and without what only the machine knew."""

import pytest

from ocistacks.errors import BuildError
from ocistacks.platforms import Platform
from ocistacks.tree.layout import tree_layout
from ocistacks.tree.records import settle_records

LAYOUT = tree_layout(Platform.LINUX_X86_64, "3.13")
WRITTEN = """\
plain.py,sha256=abc,3
__pycache__/plain.cpython-313.pyc,sha256=def,4
../../../bin/plain,sha256=stale,1
../../../include/site/python3.11/plain/plain.h,sha256=ghi,5
"odd,name.py",sha256=jkl,6
plain-1.0.dist-info/uv_cache.json,sha256=mno,7
plain-1.0.dist-info/RECORD,,
"""
SETTLED = """\
../../../bin/plain,sha256=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0,3
../../../include/site/python3.13/plain/plain.h,sha256=ghi,5
"odd,name.py",sha256=jkl,6
plain-1.0.dist-info/RECORD,,
plain.py,sha256=abc,3
"""


@pytest.fixture
def record(tmp_path):
    information = tmp_path / "lib" / "python3.13" / "site-packages" / "plain-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "uv_cache.json").write_text("{}")
    record = information / "RECORD"
    record.write_text(WRITTEN)
    return record


def test_rows_are_brought_up_to_date_and_in_order(record, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "plain").write_text("abc")
    settle_records(tmp_path, LAYOUT, used_minor="3.11")
    assert record.read_text().splitlines() == SETTLED.splitlines()
    assert not record.with_name("uv_cache.json").exists()


def test_a_script_that_is_missing_is_told_of(record, tmp_path):
    with pytest.raises(BuildError) as caught:
        settle_records(tmp_path, LAYOUT, used_minor="3.11")
    assert str(caught.value) == (
        "A script that a wheel installs is missing.\n"
        "  where: plain-1.0.dist-info: bin/plain\n"
        "  hint: two packages of the layer may claim the same name; lock one of them only"
    )


def test_a_tree_without_packages_is_no_fault(tmp_path):
    settle_records(tmp_path, LAYOUT, used_minor="3.13")
    assert list(tmp_path.iterdir()) == []
