from __future__ import annotations

import pytest

from ocistacks.blob.names import name_fault, symlink_fault


@pytest.mark.parametrize("name", ["app", "app/a b", "app/…/x", "app/..x", "app/x..", "app/.hidden"])
def test_plain_names_are_accepted(name):
    assert name_fault(name) is None


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("/app", "the name is absolute"),
        ("app/\0", "the name holds a NUL character"),
        ("..", "the name holds a .. component"),
        ("app/../../etc", "the name holds a .. component"),
        ("", "the name holds an empty or . component"),
        ("./app", "the name holds an empty or . component"),
        ("app//x", "the name holds an empty or . component"),
        ("app/", "the name holds an empty or . component"),
    ],
)
def test_other_names_are_refused(name, fault):
    assert name_fault(name) == fault


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("app/bin/python", "../../cpython-3.13/bin/python3.13"),
        ("app/bin/python", "python3"),
        ("app/bin/python", "./python3"),
        ("app/bin/python", ".."),
        ("app/link", "../app"),
        ("app/link", "."),
        ("app/link", ".././/framework"),
    ],
)
def test_links_to_this_layer_and_those_beside_it_are_accepted(name, target):
    assert symlink_fault(name, target) is None


@pytest.mark.parametrize(
    ("name", "target", "fault"),
    [
        ("app/link", "", "the target is empty"),
        ("app/link", "/etc/passwd", "the target is absolute"),
        ("app/link", "x\0", "the target holds a NUL character"),
        ("app/link", "a/../b", "the target holds a .. component behind another component"),
        ("app/link", "../..", "the target lies above the folder that holds the layers"),
        ("app/a/b", "../../../x", "the target lies above the folder that holds the layers"),
        ("app/link", "..", "the target is the folder that holds the layers"),
        ("app/a/b", ".././..", "the target is the folder that holds the layers"),
    ],
)
def test_links_elsewhere_are_refused(name, target, fault):
    assert symlink_fault(name, target) == fault
