#!/bin/sh
# push.sh SPEC: builds what is missing of a stack and pushes it, as every CI does it.
#
# REGISTRY, REPOSITORY and TAG say where to; REGISTRY_USER and REGISTRY_PASSWORD are what the registry
# wants, and are kept in a folder of this run alone.
set -eu
umask 077
DOCKER_CONFIG=$(mktemp -d)
export DOCKER_CONFIG
trap 'rm -rf "$DOCKER_CONFIG"' EXIT
# printf is the shell's own: the password is in no list of processes.
auth=$(printf '%s:%s' "$REGISTRY_USER" "$REGISTRY_PASSWORD" | base64 | tr -d '\n')
printf '{"auths": {"%s": {"auth": "%s"}}}\n' "$REGISTRY" "$auth" > "$DOCKER_CONFIG/config.json"

ocistacks push "$1" "$REGISTRY/$REPOSITORY:$TAG" --log-format text
