"""Laws of converted archives: what goes in comes out, however it is cut and shared out."""

import io
import lzma
import stat
import tarfile
import zipfile

from hypothesis import given, settings
from hypothesis import strategies as st

from ocistacks.deploy.archive_formats.xz import write_xz
from ocistacks.deploy.archive_formats.zip_archive import write_zip

names = st.text(
    st.characters(codec="utf-8", exclude_characters="/\0\\", exclude_categories=["Cs"]),
    min_size=1,
    max_size=60,
).filter(lambda name: name not in {".", ".."})
contents = st.binary(max_size=2000)
trees = st.dictionaries(names, st.tuples(contents, st.booleans()), max_size=8)


def tar_of(tree):
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, (content, is_executable) in tree.items():
            info = tarfile.TarInfo(f"app/{name}")
            info.size, info.mode = len(content), 0o755 if is_executable else 0o644
            tar.addfile(info, io.BytesIO(content))
    return output.getvalue()


@settings(deadline=None)
@given(trees, st.integers(1, 4), st.integers(1, 5000))
def test_a_zip_holds_the_files_of_its_tar(tree, threads, step):
    tar, output = tar_of(tree), io.BytesIO()
    write_zip([tar[at : at + step] for at in range(0, len(tar), step)], output, threads=threads)
    with zipfile.ZipFile(output) as archive:
        found = {
            info.filename: (
                archive.read(info),
                stat.S_IMODE(info.external_attr >> 16) == 0o755,
            )
            for info in archive.filelist
        }
    assert found == {f"app/{name}": content for name, content in tree.items()}


@settings(deadline=None, max_examples=20)
@given(st.lists(contents.filter(bool), max_size=5), st.integers(1, 4))
def test_xz_holds_what_it_was_given(buffers, threads):
    output = io.BytesIO()
    write_xz(buffers, output, threads=threads)
    assert lzma.decompress(output.getvalue()) == b"".join(buffers)
