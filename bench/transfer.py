"""Push and pull one large blob with ocistacks and with curl, side by side.

    python bench/transfer.py [--rounds N] [--megabytes N] [--folder DIR]

A registry (Debian's docker-registry) is started on the loopback for it. Each round pushes and
pulls once with each contender, in turn, so that a change of the machine's load meets them all. The
registry is emptied before each push: with a blob that it has it takes half as long again. The table
shows medians, ratios to curl of the same round, and peak memory. curl hashes nothing; ocistacks
checks the SHA-256 of every byte, both ways. DIR should be on tmpfs, lest the disk be what is
measured; it holds the blob five times.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from contenders import Contender, show
from served_registry import served

from ocistacks.digests import Digest

OURS = """
import resource, sys, time
from contextlib import contextmanager
from pathlib import Path
from ocistacks.digests import Digest
from ocistacks.registry.model import Descriptor
from ocistacks.registry.repository import Repository
from ocistacks.registry.source import file_chunks, verified_chunks
verb, host, repository, path, digest, size = sys.argv[1:]
blob = Descriptor(
    media_type="application/octet-stream", digest=Digest(digest), size=int(size)
)
@contextmanager
def content():
    yield verified_chunks(file_chunks(Path(path)), blob, path)
with Repository(host, repository, environment={}) as registry:
    started = time.perf_counter()
    if verb == "push":
        registry.write_blob(blob, content)
    else:
        with registry.open_blob(blob) as chunks, open(path, "wb") as stream:
            for chunk in chunks:
                stream.write(chunk)
    elapsed = time.perf_counter() - started
print(elapsed, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@dataclass(frozen=True)
class Bench:
    """Where the blob and the registry are."""

    folder: Path
    host: str
    digest: Digest
    size: int

    def ours(self, verb: str, path: Path) -> tuple[float, int]:
        arguments = (verb, self.host, "ours", path, self.digest, self.size)
        seconds, peak = self._output(sys.executable, "-c", OURS, *arguments).split()
        return float(seconds), int(peak)

    def curl_push(self) -> tuple[float, int]:
        started = time.perf_counter()
        headers = self._output(
            "curl", "-sf", "-X", "POST", "-D", "-", f"http://{self.host}/v2/curl/blobs/uploads/"
        )
        found = re.search(r"(?mi)^location: (\S+)", headers)
        assert found, headers
        url = f"{found[1]}&digest={self.digest}"
        peak = self._curl("-T", self.folder / "blob", url)
        return time.perf_counter() - started, peak

    def curl_pull(self) -> tuple[float, int]:
        started = time.perf_counter()
        url = f"http://{self.host}/v2/curl/blobs/{self.digest}"
        peak = self._curl("-o", self.folder / "pulled", url)
        return time.perf_counter() - started, peak

    def forget(self) -> None:
        """Remove the blob from the registry, which takes one that it has in another way."""
        shutil.rmtree(self.folder / "registry" / "docker")

    def _curl(self, *arguments: object) -> int:
        report = self.folder / "peak"
        self._output("time", "-f", "%M", "-o", report, "curl", "-sf", *arguments)
        return int(report.read_text().split()[-1])

    def _output(self, *command: object) -> str:
        return subprocess.run(
            [str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True
        ).stdout


def make_blob(path: Path, megabytes: int) -> None:
    with path.open("wb") as stream:
        for _ in range(megabytes):
            stream.write(os.urandom(1_000_000))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--folder", type=Path, default=Path("/dev/shm"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        blob = folder / "blob"
        make_blob(blob, options.megabytes)
        with served(folder) as host:
            bench = Bench(folder, host, Digest.of_file(blob), blob.stat().st_size)
            pulled = folder / "pulled"
            push = (
                Contender("curl POST and PUT", bench.curl_push),
                Contender("ocistacks push", lambda: bench.ours("push", blob)),
            )
            pull = (
                Contender("curl GET", bench.curl_pull),
                Contender("ocistacks pull", lambda: bench.ours("pull", pulled)),
            )
            for _ in range(options.rounds):
                times: list[float] = []
                for pushing, pulling in zip(push, pull, strict=True):
                    references = times or (None, None)
                    times = [
                        one.race(reference)
                        for one, reference in zip((pushing, pulling), references, strict=True)
                    ]
                    bench.forget()
    title = f"{options.megabytes} MB, {options.rounds} rounds"
    show(title, [*push, *pull], number="peak MB", unit=1000)


if __name__ == "__main__":
    main()
