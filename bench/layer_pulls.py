"""Pull a framework's layer with ocistacks and with what others use, side by side.

    python bench/layer_pulls.py [--rounds N] [--folder DIR] [--rate RATE]

Two versions of a framework (scikit-learn and pandas, one of which is another release in the second)
are installed with uv, packed, and pushed to docker-registry on the loopback. Each round
runs every contender once, in turn; the table shows medians, ratios to the first contender of the
same round, and the bytes of blobs that went over the wire. Each contender is a process of its own;
ocistacks' times are whole processes, too, without the start of Python and its imports. DIR should
be on tmpfs, lest the disk be what is measured. RATE (tc(8), "1gbit") is that of the network between
the registry and those who pull; it needs root, and no other traffic suffers from it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from contenders import Contender, show
from served_registry import served
from uv import find_uv_bin

from ocistacks.blob.pack import pack_tree
from ocistacks.digests import Digest
from ocistacks.oci.assemble import layer_artifact
from ocistacks.oci.description import LayerDescription
from ocistacks.platforms import Platform
from ocistacks.registry.repository import Repository
from ocistacks.registry.source import file_chunks

if TYPE_CHECKING:
    from collections.abc import Iterator

TARGET = "framework-sample"
VERSIONS = {
    "old": ("scikit-learn==1.7.2", "pandas==2.3.2"),
    "new": ("scikit-learn==1.7.2", "pandas==2.3.3"),
}
OURS = """
import gc, sys, time
from pathlib import Path
from ocistacks.deploy.layer_trees import ensure_tree
from ocistacks.oci.layer_artifact import read_layer_artifact
from ocistacks.progress import SilentReporter
from ocistacks.registry.repository import Repository
from ocistacks.store.store import Store
host, tag, store = sys.argv[1:]
gc.set_threshold(100_000)  # as the command does
import ocistacks.blob.unpack, requests
with Repository(host, "sample", environment={}) as registry:
    started = time.perf_counter()
    blob, diff_id = read_layer_artifact(registry, registry.resolve(tag))
    tree = ensure_tree(
        Store(Path(store)), registry, blob, diff_id=diff_id,
        install_target="framework-sample", reporter=SilentReporter(),
    )
    elapsed = time.perf_counter() - started
print(elapsed, tree.fetched)
"""
ORAS = """
import sys, time
import oras.client
host, tag, folder = sys.argv[1:]
client = oras.client.OrasClient(hostname=host, insecure=True)
started = time.perf_counter()
client.pull(target=f"{host}/sample:{tag}", outdir=folder)
print(time.perf_counter() - started)
"""


@dataclass(frozen=True)
class Bench:
    """Where the registry is, and what was pushed under the tags old and new."""

    folder: Path
    host: str
    sizes: dict[str, int]
    digests: dict[str, Digest]

    def ours(self, tag: str, store: Path) -> tuple[float, int]:
        seconds, fetched = self._output(sys.executable, "-c", OURS, self.host, tag, store).split()
        return float(seconds), int(fetched)

    def cold(self) -> tuple[float, int]:
        shutil.rmtree(self.folder / "cold", ignore_errors=True)
        return self.ours("new", self.folder / "cold")

    def delta(self) -> tuple[float, int]:
        """Pull the new version into a store that has the old one."""
        shutil.rmtree(self.folder / "delta", ignore_errors=True)
        self.ours("old", self.folder / "delta")
        return self.ours("new", self.folder / "delta")

    def again(self) -> tuple[float, int]:
        """Pull what the store has."""
        return self.ours("new", self.folder / "delta")

    def curl(self) -> tuple[float, int]:
        target = self._emptied("curl")
        url = f"http://{self.host}/v2/sample/blobs/{self.digests['new']}"
        started = time.perf_counter()
        self._output("sh", "-c", f"curl -sf {url} | zstd -dcq | tar -x -C {target}")
        return time.perf_counter() - started, self.sizes["new"]

    def oras(self) -> tuple[float, int]:
        """Pull with the oras library, then unpack with tar."""
        target = self._emptied("oras")
        seconds = float(self._output(sys.executable, "-c", ORAS, self.host, "new", target))
        started = time.perf_counter()
        self._output("sh", "-c", f"zstd -dcq {target}/*.tar.zst | tar -x -C {target}")
        return seconds + time.perf_counter() - started, self.sizes["new"]

    def podman(self) -> tuple[float, int]:
        root = self._emptied("podman")
        command = ["podman", "--root", root / "root", "--runroot", root / "run"]
        command += ["--storage-driver", "vfs" if os.geteuid() else "overlay"]
        name = f"{self.host}/sample:new"
        started = time.perf_counter()
        self._output(*command, "pull", "-q", "--tls-verify=false", name)
        seconds = time.perf_counter() - started
        self._output(*command, "system", "reset", "--force")
        return seconds, self.sizes["new"]

    def _emptied(self, name: str) -> Path:
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def _output(self, *command: object) -> str:
        return subprocess.run(
            [str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True
        ).stdout


def install(folder: Path, tag: str) -> Path:
    """Install a version and return its tree."""
    tree = folder / f"tree-{tag}"
    uv = [find_uv_bin(), "pip", "install", "-q", "--target", str(tree), "--no-compile-bytecode"]
    subprocess.run([*uv, "--python-version", "3.13", *VERSIONS[tag]], check=True)
    (tree / ".lock").unlink(missing_ok=True)
    return tree


def push(folder: Path, host: str, tag: str) -> tuple[Digest, int]:
    """Install a version, pack it, push its layer artifact; return the blob's digest and size."""
    tree, packed = install(folder, tag), folder / "blob"
    with packed.open("wb") as output:
        blob = pack_tree(tree, TARGET, output)
    description = LayerDescription(
        name=TARGET,
        kind="framework",
        install_target=TARGET,
        lock_hash=Digest.of_bytes(tag.encode()),
        input_digest=Digest.of_bytes(tag.encode()),
        lock_version=1,
        requires=(),
        platform=Platform.LINUX_X86_64,
        archive_name=f"{TARGET}.tar.zst",
    )
    artifact = layer_artifact(description, blob)

    @contextmanager
    def content(path: Path = packed) -> Iterator[Iterator[bytes]]:
        yield file_chunks(path)

    @contextmanager
    def configuration() -> Iterator[Iterator[bytes]]:
        yield iter((artifact.configuration,))

    with Repository(host, "sample", environment={}) as registry:
        registry.write_blob(artifact.layers[0], content)
        registry.write_blob(artifact.configuration_descriptor, configuration)
        registry.write_manifest(artifact.manifest, artifact.descriptor.media_type, tag)
    return blob.digest, blob.size


def changed_size(folder: Path) -> int:
    """Return the size of a blob with nothing but the files that are new in the new version."""
    old, new = folder / "tree-old", folder / "tree-new"
    known = {Digest.of_file(path) for path in old.rglob("*") if path.is_file()}
    changed = folder / "changed"
    for path in new.rglob("*"):
        if path.is_file() and Digest.of_file(path) not in known:
            place = changed / path.relative_to(new)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, place)
    with (folder / "changed.tar.zst").open("wb") as output:
        return pack_tree(changed, TARGET, output).size


def begin_again_with_rate(rate: str) -> NoReturn:
    """Run this script in a network of its own, whose loopback has that rate."""
    with tempfile.TemporaryDirectory() as name:
        for tag in VERSIONS:
            install(Path(name), tag)  # into uv's cache: the network goes nowhere
    limit = f"tc qdisc add dev lo root tbf rate {rate} burst 1mb latency 50ms"
    script = f'ip link set lo up && {limit} && exec "$@"'
    command = ["unshare", "--net", "sh", "-c", script, "sh", sys.executable, *sys.argv, "--rate="]
    os.environ["UV_OFFLINE"] = "1"
    os.execvp(command[0], command)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, default=Path("/dev/shm"))
    parser.add_argument("--json", action="store_true", help="print the bytes fetched as JSON, too")
    parser.add_argument("--rate", help="of the network, such as 1gbit")
    options = parser.parse_args()
    if options.rate:
        begin_again_with_rate(options.rate)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        with served(folder) as host:
            pushed = {tag: push(folder, host, tag) for tag in VERSIONS}
            bench = Bench(
                folder,
                host,
                sizes={tag: size for tag, (_digest, size) in pushed.items()},
                digests={tag: digest for tag, (digest, _size) in pushed.items()},
            )
            contenders = [
                Contender("curl | zstd -d | tar x", bench.curl),
                Contender("ocistacks, empty store", bench.cold),
                Contender("oras pull, then tar x", bench.oras),
                Contender("podman pull", bench.podman),
                Contender("ocistacks, the old version in the store", bench.delta),
                Contender("ocistacks, the layer in the store", bench.again),
            ]
            for _ in range(options.rounds):
                reference = contenders[0].race()
                for contender in contenders[1:]:
                    contender.race(reference)
            title = f"A blob of {bench.sizes['new'] / 1e6:.1f} MB, {options.rounds} rounds"
            show(title, contenders, number="MB fetched", unit=1e6)
            changed = changed_size(folder)
    print(f"a blob of the changed files alone: {changed / 1e6:.2f} MB")
    if options.json:
        print(json.dumps({each.name: each.number for each in contenders}))


if __name__ == "__main__":
    main()
