# Where layers are built (target "builder"), what pulls stacks in a cluster (target "puller"), and where
# CPython is compiled (target "python-source").
# Why each step is as it is, and how to call it: docs/python-runtimes.md, "The images".
# Only what Docker's classic builder, Podman and Buildah all understand is used here.
ARG BASE_IMAGE=docker.io/library/python:3.13-slim-bookworm

FROM ${BASE_IMAGE} AS dependencies

# A base image that was imported from a tar has no environment at all.
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# A pattern that matches nothing is an error unless another file of the same COPY is there.
COPY src/ocistacks/builder/image/requirements.txt \
     src/ocistacks/builder/image/with-ca-bundle \
     ca-bundle.cr[t] \
     /opt/ocistacks/image/

ARG DEBIAN_FRONTEND=noninteractive

RUN sh /opt/ocistacks/image/with-ca-bundle sh -eu -c ' \
    usable="import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))"; \
    if ! python3 -c "$usable" 2>/dev/null; then \
        apt-get update; \
        apt-get install --yes --no-install-recommends python3 python3-venv; \
        apt-get clean; \
        rm -rf /var/lib/apt/lists/*; \
        python3 -c "$usable"; \
    fi; \
    python3 -m venv /opt/ocistacks'

# The index that pip asks is the machine's own affair: a proxy or mirror comes as a build argument.
ARG PIP_INDEX_URL

RUN sh /opt/ocistacks/image/with-ca-bundle \
    /opt/ocistacks/bin/python -m pip install --no-cache-dir --no-deps --only-binary :all: \
    --require-hashes --requirement /opt/ocistacks/image/requirements.txt

# A .pth file instead of PYTHONPATH: the interpreters that this one starts must not see the package.
RUN set -eu; \
    packages="$(/opt/ocistacks/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"; \
    echo /opt/ocistacks/source > "$packages/ocistacks.pth"; \
    groupadd --non-unique --gid 1000 builder; \
    useradd --non-unique --uid 1000 --gid 1000 --no-create-home --home-dir /work builder; \
    install -d -m 0755 -o 1000 -g 1000 /work /materials

WORKDIR /work
ENTRYPOINT ["/opt/ocistacks/bin/python", "-P", "-m"]

# The package's own source comes last in each image: it changes most often.
# Its modes are set because a checkout under a strict umask is copied as it is; to set those of what
# lies in lower layers would copy all of it into this one.
FROM dependencies AS builder

COPY src/ocistacks /opt/ocistacks/source/ocistacks

RUN chmod -R u=rwX,go=rX /opt/ocistacks/source; \
    /opt/ocistacks/bin/python -m compileall -q /opt/ocistacks/source

USER 1000:1000

FROM dependencies AS toolchain

ARG DEBIAN_FRONTEND=noninteractive

# The same list that the local builder makes its toolchain root from.
COPY src/ocistacks/builder/image/toolchain-packages.txt /opt/ocistacks/image/

RUN sh /opt/ocistacks/image/with-ca-bundle sh -eu -c ' \
    apt-get update; \
    apt-get install --yes --no-install-recommends \
        $(cat /opt/ocistacks/image/toolchain-packages.txt); \
    apt-get clean; \
    rm -rf /var/lib/apt/lists/*'

FROM toolchain AS python-source

COPY src/ocistacks /opt/ocistacks/source/ocistacks

RUN chmod -R u=rwX,go=rX /opt/ocistacks/source; \
    /opt/ocistacks/bin/python -m compileall -q /opt/ocistacks/source

USER 1000:1000

# Last, because Docker's classic builder makes all stages before the one that is asked for.
FROM dependencies AS puller-root

ARG DEBIAN_FRONTEND=noninteractive
ARG PIP_INDEX_URL

COPY src/ocistacks/builder/image/puller-requirements.txt /opt/ocistacks/image/

RUN sh /opt/ocistacks/image/with-ca-bundle sh -eu -c ' \
    apt-get update; \
    apt-get install --yes --no-install-recommends binutils; \
    apt-get clean; \
    rm -rf /var/lib/apt/lists/*; \
    /opt/ocistacks/bin/python -m pip install --no-cache-dir --no-compile --no-deps \
        --only-binary :all: --require-hashes --target /opt/ocistacks/packages \
        --requirement /opt/ocistacks/image/puller-requirements.txt'

COPY src/ocistacks /opt/ocistacks/source/ocistacks

RUN chmod -R u=rwX,go=rX /opt/ocistacks/source; \
    umask 022; \
    /opt/ocistacks/bin/python -m ocistacks.builder.puller_root \
        /puller /opt/ocistacks/packages /opt/ocistacks/source

FROM scratch AS puller

COPY --from=puller-root /puller/ /

# Nothing but what is mounted can be written to: a store and a target, or /tmp for all of it.
ENV PATH=/usr/bin HOME=/tmp
USER 65532:65532
ENTRYPOINT ["ocistacks"]
