#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# release.sh [--output DIR] [--image NAME] [--allow-dirty]: everything of a release, in one folder.
#
#   --output DIR    where to (default: build/release-VERSION); emptied first
#   --image NAME    where the image will be pushed, for install.yaml; without a tag (default: meshgateway)
#   --allow-dirty   also of files that are not committed
#
# The version is that of CMakeLists.txt; a tag of this commit must say the same. The same commit and the same packages of
# Debian give the same bytes in any folder: all times are the commit's. It publishes nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/lib.sh
. hack/lib.sh
umask 022
export LC_ALL=C TZ=UTC

output='' image=meshgateway dirty=no
while [ $# -gt 0 ]; do
    case $1 in
    --output | --image) [ $# -ge 2 ] || fail "$1 needs a value" ;;&
    --output) output=$2 && shift ;;
    --image) image=$2 && shift ;;
    --allow-dirty) dirty=yes ;;
    --help | -h)
        sed -n '3,10s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *) fail "unknown option: $1" ;;
    esac
    shift
done

version=$(project_version)
[ -n "$version" ] || fail "CMakeLists.txt states no version"
git rev-parse --verify --quiet HEAD >/dev/null || fail "not a git checkout"
[ "$dirty" = yes ] || [ -z "$(git status --porcelain)" ] ||
    fail "files are not committed (git status shows them); --allow-dirty builds all the same"
for tag in $(git tag --points-at HEAD); do
    [ "${tag#v}" = "$version" ] || fail "this commit has the tag $tag, but CMakeLists.txt says $version"
done

need_packages "${build_packages[@]}" "${release_packages[@]}"
need_command kubectl "https://kubernetes.io/docs/tasks/tools/ has it for every system."
SOURCE_DATE_EPOCH=$(source_date_epoch)
export SOURCE_DATE_EPOCH
arch=$(dpkg --print-architecture)
output=$(realpath -m "${output:-build/release-$version}")
build=$PWD/build/package
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

compile() {
    # Nothing of an earlier build gets in.
    rm -rf "$build"
    cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DMG_HARDEN=ON -DBUILD_TESTING=OFF
    cmake --build "$build"
    hack/check/hardening.sh "$build/meshgateway"
}
deb() {
    cpack --config "$build/CPackConfig.cmake" -B "$work/deb"
    mv "$work"/deb/*.deb "$output"
}
tarball() {
    local name=meshgateway-$version-linux-$arch
    cmake --install "$build" --prefix "$work/tar/$name" --strip
    pack_tar "$work/tar" "$name" | gzip -9n >"$output/$name.tar.gz"
}
manifests() {
    local all=$output/meshgateway-$version-install.yaml
    kubectl kustomize manifests >"$work/all.yaml"
    grep -q "image: meshgateway:$version\$" "$work/all.yaml" || {
        echo "manifests/kustomization.yaml: newTag is not $version"
        return 1
    }
    sed "s|image: meshgateway:$version\$|image: $image:$version|" "$work/all.yaml" >"$all"
    kubectl kustomize crds >"$output/meshgateway-$version-crds.yaml"
}
chart() {
    local folder=$1 name
    name=$(basename "$folder")
    if ! grep -q "^version: $version\$" "$folder/Chart.yaml"; then
        echo "$folder/Chart.yaml: version is not $version"
        return 1
    fi
    pack_tar "$(dirname "$folder")" "$name" | gzip -9n >"$output/$name-$version.tgz"
}

rm -rf "$output"
mkdir -p "$output"
step "build $version" compile
step "Debian package" deb
step "archive of files" tarball
step "image and SBOM" hack/image/build.sh --program "$build/meshgateway" \
    --output "$output/meshgateway-$version-$arch.oci.tar"
step "manifests" manifests
for folder in manifests/helm/*/; do
    [ ! -f "$folder/Chart.yaml" ] || step "chart $(basename "$folder")" chart "${folder%/}"
done
(cd "$output" && sha256sum -- * >"$work/SHA256SUMS" && mv "$work/SHA256SUMS" .)
say "$output:"
(cd "$output" && stat -c '%10s  %n' -- *)
