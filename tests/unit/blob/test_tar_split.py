from __future__ import annotations

import base64
import json

from ocistacks.blob.pieces import Header
from ocistacks.blob.tar_split import TarSplitLines
from ocistacks.blob.tree_walk import Entry


def test_lines_are_those_of_tar_split():
    lines = TarSplitLines()
    folder = Header(entry=Entry(name="a/", kind="dir", mode=0o755), segment=b"one")
    file = Header(entry=Entry(name="a/ü", kind="reg", mode=0o644, size=9), segment=b"two")
    text = (
        lines.header(folder)
        + lines.header(file)
        + lines.content("a/ü", 9, 0xB90956C775A41001)
        + lines.ending(b"end")
    )
    assert text == (
        '{"type":2,"payload":"b25l","position":0}\n'
        '{"type":1,"name":"a/","payload":null,"position":1}\n'
        '{"type":2,"payload":"dHdv","position":2}\n'
        '{"type":1,"name":"a/ü","size":9,"payload":"uQlWx3WkEAE=","position":3}\n'
        '{"type":2,"payload":"ZW5k","position":4}\n'
    )


def test_any_name_makes_valid_json():
    entry = Entry(name='a\n"\\\x7f', kind="symlink", mode=0o777)
    line = TarSplitLines().header(Header(entry=entry, segment=bytes(512)))
    first, second = map(json.loads, line.splitlines())
    assert base64.b64decode(first["payload"]) == bytes(512)
    assert second["name"] == entry.name
