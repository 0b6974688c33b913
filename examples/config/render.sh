#!/usr/bin/env bash
# Prints an example's manifests, with other images where they are named. It
# needs no cluster and changes no file of the checkout.
#
#   render.sh OVERLAY BYTECODE USERSPACE
#
# OVERLAY is a directory below this one, such as default/go-xdp-counter. The
# images are references, or `-` for those that the manifests name. The program
# that renders is KUSTOMIZE, or `kustomize`; `kubectl kustomize` will do as well.
set -euo pipefail

fail() {
	printf 'error: %s\n' "$1" >&2
	exit 2
}

[ $# = 3 ] || fail "usage: ${0##*/} OVERLAY BYTECODE USERSPACE"
overlay=$1 bytecode=$2 userspace=$3
config=$(cd "$(dirname "$0")" && pwd)
[ -f "$config/$overlay/kustomization.yaml" ] || fail "there are no manifests in \`$config/$overlay\`"

# A further overlay is made in a copy: kustomize takes no absolute paths.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp -R "$config/." "$scratch"
mkdir "$scratch/wanted"
wanted=$scratch/wanted/kustomization.yaml
cat >"$wanted" <<YAML
resources: [../$overlay]
patches:
YAML

# Every object of the kind is changed, whatever its name. One that lacks the
# field is an error.
change() {
	[ "$3" != - ] || return 0
	[[ $3 =~ ^[A-Za-z0-9]([A-Za-z0-9._:/@-]*[A-Za-z0-9._-])?$ ]] || fail "\`$3\` is no reference of an image"
	cat >>"$wanted" <<-YAML
	- target: {kind: $1}
	  patch: |-
	    - op: replace
	      path: $2
	      value: "$3"
	YAML
}
change ClusterBpfApplication /spec/byteCode/image/url "$bytecode"
change DaemonSet /spec/template/spec/containers/0/image "$userspace"

kustomize=${KUSTOMIZE:-kustomize}
case $kustomize in
*'kubectl kustomize') $kustomize "$scratch/wanted" ;;
*) "$kustomize" build "$scratch/wanted" ;;
esac
