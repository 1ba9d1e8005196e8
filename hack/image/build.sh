#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# build.sh [--program FILE] [--output FILE]: the image of the Dockerfile, without Docker and without a registry.
#
#   --program FILE   a release build of the program (default: build/release/meshgateway, which is built)
#   --output FILE    the image as an OCI archive (default: build/image/meshgateway-VERSION-ARCH.oci.tar);
#                    its SBOM (SPDX 2.3) goes beside it, with .spdx.json in the place of .oci.tar
#
# Its libraries are those of this machine, a Debian. The same packages, program and SOURCE_DATE_EPOCH (default: the
# time of the last commit) give the same bytes. Needs root or user namespaces, for buildah.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=hack/lib.sh
. hack/lib.sh

program='' output=''
while [ $# -gt 0 ]; do
    case $1 in
    --program | --output) [ $# -ge 2 ] || fail "$1 needs a value" ;;&
    --program) program=$2 ;;
    --output) output=$2 ;;
    --help | -h)
        sed -n '3,10s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *) fail "unknown option: $1" ;;
    esac
    shift 2
done

need_packages "${image_packages[@]}"
if [ -z "$program" ]; then
    need_packages "${build_packages[@]}"
    build_preset release || fail "the build is broken"
    program=build/release/meshgateway
fi
version=$(project_version)
[ "$("$program" version)" = "meshgateway $version" ] || fail "$program is not version $version"
SOURCE_DATE_EPOCH=$(source_date_epoch)
export SOURCE_DATE_EPOCH
output=${output:-build/image/meshgateway-$version-$(dpkg --print-architecture).oci.tar}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
hack/image/root.sh "$program" "$work/build/image"

# A store of its own: what the user has in buildah's is neither used nor changed.
in_store() {
    buildah --root "$work/store" --runroot "$work/run" --storage-driver vfs "$@"
}
labels=(
    --label "org.opencontainers.image.version=$version"
    --label "org.opencontainers.image.created=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)"
)
if revision=$(git rev-parse --verify HEAD 2>/dev/null); then
    labels+=(--label "org.opencontainers.image.revision=$revision")
fi
in_store build --quiet --isolation chroot --identity-label=false --timestamp "$SOURCE_DATE_EPOCH" "${labels[@]}" \
    --build-context "build=$work/build" --ignorefile /dev/null --file hack/image/Dockerfile --tag image "$work/build" >/dev/null
in_store push --quiet image "oci:$work/oci:meshgateway:$version"

mkdir -p "$(dirname "$output")"
pack_tar "$work/oci" blobs index.json oci-layout >"$output"
hack/image/sbom.py "$work/build/image" "$version" >"${output%.oci.tar}.spdx.json"
say "$output: $(stat -c %s "$output") bytes, $(du -sb "$work/build/image" | cut -f 1) unpacked"
