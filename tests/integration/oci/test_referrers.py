"""What refers to an object: the tag of registries without the API, the API, image layouts.

Debian's docker-registry has no referrers API. No registry that has it can be installed from
Debian, PyPI or npm, so that the server here puts the API's answers (distribution spec 1.1,
"Listing Referrers") before the real registry, which keeps all objects.
"""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import threading
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from ocistacks.digests import Digest
from ocistacks.errors import TransferError, UnsafeContentError
from ocistacks.oci.layout import ImageLayout
from ocistacks.oci.transfer import copy_objects
from ocistacks.registry.model import Descriptor
from ocistacks.registry.referrers import Referrer, ReferrerPlace, referrers_tag
from ocistacks.registry.repository import Repository

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
SUBJECT = Digest.of_bytes(b"subject")
EMPTY = b"{}"
EMPTY_DESCRIPTOR = {
    "mediaType": "application/vnd.oci.empty.v1+json",
    "digest": Digest.of_bytes(EMPTY),
    "size": 2,
}


def referrer(kind, note, subject=SUBJECT):
    content = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "artifactType": kind,
            "config": EMPTY_DESCRIPTOR,
            "layers": [EMPTY_DESCRIPTOR],
            "subject": {"mediaType": MANIFEST_TYPE, "digest": subject, "size": 7},
            "annotations": {"note": note},
        }
    ).encode()
    return Referrer.of(content, MANIFEST_TYPE, where="a test")


def blob(place):
    descriptor = Descriptor.model_validate(EMPTY_DESCRIPTOR)
    place.write_blob(descriptor, _Once)


class _Once:
    def __enter__(self):
        return iter((EMPTY,))

    def __exit__(self, *_):
        pass


ONE = referrer("application/x.one", "1")
TWO = referrer("application/x.two", "2")


@pytest.fixture
def filled(repository):
    blob(repository)
    return repository


class _ApiHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        server = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        server.requests.append(f"{self.command} {self.path}")
        if "/referrers/" in path:
            return self.list_referrers(path, parse_qs(query))
        headers = {k: v for k, v in self.headers.items() if k.lower() != "host"}
        with contextlib.closing(http.client.HTTPConnection(server.registry)) as upstream:
            upstream.request(self.command, self.path, body, {**headers, "Host": server.host})
            response = upstream.getresponse()
            content = response.read()
        self.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() not in {"transfer-encoding", "connection", "date"}:
                self.send_header(name, value)
        if self.command == "PUT" and "/manifests/" in path and response.status == 201:
            document = json.loads(body)
            subject = document.get("subject", {}).get("digest")
            if subject:
                self.send_header("OCI-Subject", subject)
                server.listed.setdefault(subject, []).append(
                    {
                        "mediaType": self.headers["Content-Type"],
                        "digest": Digest.of_bytes(body),
                        "size": len(body),
                        "artifactType": document["artifactType"],
                        "annotations": document["annotations"],
                    }
                )
        self.end_headers()
        self.wfile.write(content)
        return None

    def list_referrers(self, path, query):
        entries = self.server.listed.get(path.rpartition("/")[2], [])
        kinds = query.get("artifactType")
        if kinds and self.server.filters:
            entries = [entry for entry in entries if entry["artifactType"] in kinds]
        start = int(query.get("last", ["0"])[0])
        page = entries[start : start + self.server.page_size]
        body = json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": page}).encode()
        self.send_response(200)
        self.send_header("Content-Type", INDEX_TYPE)
        self.send_header("Content-Length", str(len(body)))
        if kinds and self.server.filters:
            self.send_header("OCI-Filters-Applied", "artifactType")
        if start + self.server.page_size < len(entries) or self.server.endless:
            rest = f"&artifactType={quote(kinds[0])}" if kinds else ""
            target = f"{self.server.next_host}{path}?last={start + self.server.page_size}{rest}"
            self.send_header("Link", f'<{target}>; rel="next"')
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815 - the library's names

    def log_message(self, *arguments):
        pass


class ApiServer(http.server.ThreadingHTTPServer):
    """The registry with a referrers API, two entries a page."""

    daemon_threads = True

    def __init__(self, registry):
        super().__init__(("127.0.0.1", 0), _ApiHandler)
        self.host = f"127.0.0.1:{self.server_address[1]}"
        self.registry = registry
        self.listed = {}
        self.requests = []
        self.filters = True
        self.page_size = 2
        self.next_host = ""
        self.endless = False


@pytest.fixture
def api_server(registry):
    with ApiServer(registry) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def with_api(api_server, repository_name, environment):
    with Repository(api_server.host, repository_name, environment=environment) as opened:
        blob(opened)
        yield opened


def tagged(registry, repository_name, tag):
    with contextlib.closing(http.client.HTTPConnection(registry)) as connection:
        path = f"/v2/{repository_name}/manifests/{tag}"
        connection.request("GET", path, headers={"Accept": f"{INDEX_TYPE}, {MANIFEST_TYPE}"})
        response = connection.getresponse()
        return response.status, response.getheader("Content-Type"), json.loads(response.read())


def test_without_the_api_a_tag_lists_what_refers(filled, registry, repository_name):
    assert isinstance(filled, ReferrerPlace)
    assert filled.referrers(SUBJECT) == ()
    filled.write_referrers(SUBJECT, [ONE, TWO])
    assert filled.referrers(SUBJECT) == (ONE.descriptor, TWO.descriptor)
    assert filled.referrers(SUBJECT, "application/x.two") == (TWO.descriptor,)
    assert filled.referrers(SUBJECT, "application/x.none") == ()
    assert filled.read_manifest(ONE.descriptor) == ONE.content

    status, media_type, index = tagged(registry, repository_name, referrers_tag(SUBJECT))
    assert (status, media_type) == (200, INDEX_TYPE)
    assert index == {
        "schemaVersion": 2,
        "mediaType": INDEX_TYPE,
        "manifests": [
            {
                "mediaType": MANIFEST_TYPE,
                "digest": each.descriptor.digest,
                "size": len(each.content),
                "artifactType": kind,
                "annotations": {"note": note},
            }
            for each, kind, note in (
                (ONE, "application/x.one", "1"),
                (TWO, "application/x.two", "2"),
            )
        ],
    }


def test_a_second_write_changes_nothing(filled, registry, repository_name):
    filled.write_referrers(SUBJECT, [ONE])
    before = tagged(registry, repository_name, referrers_tag(SUBJECT))
    filled.write_referrers(SUBJECT, [ONE])
    assert tagged(registry, repository_name, referrers_tag(SUBJECT)) == before


def test_what_others_listed_stays_with_fields_that_are_not_known(filled, registry, repository_name):
    filled.write_referrers(SUBJECT, [TWO])
    _, _, index = tagged(registry, repository_name, referrers_tag(SUBJECT))
    index["x-key"] = "kept"
    index["manifests"][0]["x-other"] = [1, 2]
    filled.write_manifest(json.dumps(index).encode(), INDEX_TYPE, referrers_tag(SUBJECT))
    filled.write_referrers(SUBJECT, [ONE])
    _, _, changed = tagged(registry, repository_name, referrers_tag(SUBJECT))
    assert changed["x-key"] == "kept"
    assert changed["manifests"][0] == index["manifests"][0]
    assert [entry["digest"] for entry in changed["manifests"]] == [
        TWO.descriptor.digest,
        ONE.descriptor.digest,
    ]


def test_many_clients_that_list_at_once_lose_nothing(
    filled, registry, repository_name, environment
):
    referrers = [referrer("application/x.many", str(number)) for number in range(4)]

    def write(one):
        with Repository(registry, repository_name, environment=environment) as own:
            for _ in range(3):
                try:
                    own.write_referrers(SUBJECT, [one])
                except TransferError:
                    continue  # it says to run again
                return

    threads = [threading.Thread(target=write, args=(one,)) for one in referrers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in referrers:  # a client whose entry was replaced after it looked writes it again
        filled.write_referrers(SUBJECT, [one])
    listed = {entry.digest for entry in filled.referrers(SUBJECT)}
    assert listed == {one.descriptor.digest for one in referrers}


def test_a_tag_that_is_no_list_is_not_overwritten(filled, registry, repository_name):
    filled.write_manifest(ONE.content, MANIFEST_TYPE, referrers_tag(SUBJECT))
    with pytest.raises(UnsafeContentError) as caught:
        filled.write_referrers(SUBJECT, [TWO])
    assert str(caught.value) == (
        "The tag that lists referrers names something else.\n"
        f"  where: {registry}/{repository_name}:{referrers_tag(SUBJECT)}\n"
        f"  found: {MANIFEST_TYPE}\n"
        f"  expected: {INDEX_TYPE}"
    )
    assert tagged(registry, repository_name, referrers_tag(SUBJECT))[1] == MANIFEST_TYPE


def test_with_the_api_no_tag_is_written(with_api, filled, registry, repository_name):
    many = [referrer("application/x.many", str(number)) for number in range(5)]
    with_api.write_referrers(SUBJECT, [*many, TWO])
    assert with_api.referrers(SUBJECT) == tuple(each.descriptor for each in (*many, TWO))
    assert filled.find(referrers_tag(SUBJECT)) is None
    assert with_api.referrers(Digest.of_bytes(b"other")) == ()


@pytest.mark.parametrize("filters", [True, False], ids=["it filters", "it does not"])
def test_the_api_is_asked_for_one_type_over_all_pages(with_api, api_server, filters):
    api_server.filters = filters
    many = [referrer("application/x.many+json", str(number)) for number in range(3)]
    with_api.write_referrers(SUBJECT, [ONE, *many, TWO])
    api_server.requests.clear()
    found = with_api.referrers(SUBJECT, "application/x.many+json")
    assert found == tuple(each.descriptor for each in many)
    path = f"GET /v2/{with_api._transport.repository}/referrers/{SUBJECT}"
    assert api_server.requests[0] == f"{path}?artifactType=application%2Fx.many%2Bjson"
    assert len(api_server.requests) == (2 if filters else 3)


def test_a_list_that_goes_on_elsewhere_is_refused(with_api, api_server):
    with_api.write_referrers(SUBJECT, [ONE, TWO, referrer("application/x.three", "3")])
    api_server.next_host = "http://127.0.0.2:1"
    with pytest.raises(UnsafeContentError) as caught:
        with_api.referrers(SUBJECT)
    assert caught.value.what == "A registry's list of referrers goes on at another server."
    assert urlsplit(caught.value.found).netloc == "127.0.0.2:1"


def test_a_list_without_end_is_refused(with_api, api_server):
    api_server.endless = True
    with pytest.raises(UnsafeContentError) as caught:
        with_api.referrers(SUBJECT)
    assert caught.value.what == "A registry lists more referrers than ocistacks follows."
    assert caught.value.expected == "at most 10000 in 100 pages"


def test_an_answer_that_is_no_list_is_told(faulty, fault_server, answer):
    headers = {"Content-Type": INDEX_TYPE}
    said = answer(body=b'{"schemaVersion":2}', headers=headers)
    fault_server.on("GET", f"/v2/x/referrers/{SUBJECT}", said)
    with pytest.raises(TransferError) as caught:
        faulty.referrers(SUBJECT)
    assert caught.value.found == "manifests: Field required"


def test_a_page_for_browsers_is_no_api(faulty, fault_server, answer):
    page = answer(body=b"<html/>", headers={"Content-Type": "text/html; charset=utf-8"})
    fault_server.on("GET", f"/v2/x/referrers/{SUBJECT}", page)
    assert faulty.referrers(SUBJECT) == ()
    assert fault_server.verbs()[-1] == ("GET", f"/v2/x/manifests/{referrers_tag(SUBJECT)}")


def test_a_layout_lists_what_refers_in_its_index(stack, tmp_path, reporter):
    layout = ImageLayout.create(tmp_path / "layout")
    assert isinstance(layout, ReferrerPlace)
    copy_objects(stack.source, layout, stack.root, tag="latest", reporter=reporter)
    subject = stack.artifacts[0].descriptor.digest
    one = referrer("application/x.one", "1", subject)
    other = referrer("application/x.one", "1", stack.artifacts[1].descriptor.digest)
    blob(layout)
    layout.write_referrers(subject, [one])
    layout.write_referrers(other.descriptor.digest, [other])
    before = (tmp_path / "layout" / "index.json").read_bytes()
    layout.write_referrers(subject, [one])
    assert (tmp_path / "layout" / "index.json").read_bytes() == before

    reopened = ImageLayout.open(tmp_path / "layout")
    assert reopened.referrers(subject) == (one.descriptor,)
    assert reopened.referrers(subject, "application/x.two") == ()
    assert set(reopened.tags()) == {"latest"}
    assert reopened.resolve(None).digest == stack.root.digest


def test_a_layout_that_was_copied_with_the_tag_lists_it(filled, tmp_path, registry, run):
    filled.write_referrers(SUBJECT, [ONE, TWO])
    name = f"{filled._name}:{referrers_tag(SUBJECT)}"
    target = f"oci:{tmp_path / 'layout'}:{referrers_tag(SUBJECT)}"
    run("skopeo", "copy", "--all", "--src-tls-verify=false", f"docker://{name}", target)
    layout = ImageLayout.open(tmp_path / "layout")
    assert {entry.digest for entry in layout.referrers(SUBJECT)} == {
        ONE.descriptor.digest,
        TWO.descriptor.digest,
    }


def test_other_tools_read_what_refers(filled, run):
    filled.write_referrers(SUBJECT, [ONE])
    name = f"docker://{filled._name}@{ONE.descriptor.digest}"
    raw = run("skopeo", "inspect", "--raw", "--tls-verify=false", name)
    assert raw == ONE.content
