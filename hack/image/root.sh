#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# root.sh PROGRAM DIR: writes the image's root folder, on a Debian that has the program's libraries:
#   - the program, stripped, and the libraries that the dynamic linker loads for it, nothing else that runs
#   - the public CAs, the user and how names are resolved
#   - the licence of every package that a file came from, and its entry in dpkg's status for scanners
# With SOURCE_DATE_EPOCH set, the same packages and program give the same bytes and times.
set -euo pipefail
umask 022
[ $# -eq 2 ] || { echo "usage: root.sh PROGRAM DIR" >&2; exit 2; }
program=$1 root=$2
project=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")

fail() {
    echo "root.sh: $*" >&2
    exit 1
}
[ ! -e "$root" ] || fail "$root exists"

files=()
# copy FILE…: under its own path, which may be a link's; all of /lib is in /usr/lib.
copy() {
    local file
    for file in "$@"; do
        install -D -m "$(stat -L -c %a "$file")" "$file" "$root/usr${file#/usr}"
        files+=("$(realpath "$file")")
    done
}

# owners: the packages that the copied files came with. dpkg may know a file by its name before /usr was merged.
owners() {
    local file line
    local -A owner=()
    while read -r line; do
        owner[${line#*: }]=${line%%: *}
    done < <(dpkg-query -S "${files[@]}" "${files[@]#/usr}" 2>/dev/null || true)
    for file in "${files[@]}"; do
        line=${owner[$file]:-${owner[${file#/usr}]:-}}
        [ -n "$line" ] || fail "no package has $file"
        printf '%s\n' "$line"
    done
}

mkdir -p "$root"/etc/ssl/certs "$root"/usr/lib "$root"/usr/lib64 "$root"/var/lib/dpkg/status.d
ln -s usr/lib usr/lib64 "$root"
install -D -s -m 755 "$program" "$root/usr/bin/meshgateway"
libraries=$(ldd "$program") || fail "$program does not load here"
! grep 'not found' <<<"$libraries" >&2 || fail "libraries of $program are missing"
mapfile -t libraries < <(sed -nE 's/^(.* => )?[[:space:]]*(\/[^ ]+) \(.*/\2/p' <<<"$libraries")
copy "${libraries[@]}"

# Not /etc/ssl/certs: that has what this machine trusts beside the public CAs.
mapfile -t authorities < <(dpkg-query -L ca-certificates | grep '^/usr/share/ca-certificates/.*\.crt$' | LC_ALL=C sort)
cat "${authorities[@]}" >"$root/etc/ssl/certs/ca-certificates.crt"

copy /usr/lib/os-release /usr/share/common-licenses/*
ln -s ../usr/lib/os-release "$root/etc/os-release"
echo 'meshgateway:x:65532:65532::/:/usr/sbin/nologin' >"$root/etc/passwd"
echo 'meshgateway:x:65532:' >"$root/etc/group"
printf '%s\n' 'passwd: files' 'group: files' 'hosts: files dns' >"$root/etc/nsswitch.conf"

install -D -m 644 "$project/LICENSE" "$root/usr/share/doc/meshgateway/copyright"
packages=$(owners)
for package in $(printf '%s\n' "$packages" ca-certificates | sort -u); do
    name=${package%%:*}
    install -D -m 644 "/usr/share/doc/$name/copyright" -t "$root/usr/share/doc/$name"
    dpkg-query -s "$package" | awk '
        /^[^ ]/ { wanted = /^(Package|Status|Priority|Section|Maintainer|Architecture|Source|Version|Homepage|Description):/ }
        wanted' >"$root/var/lib/dpkg/status.d/$name"
done
[ -z "${SOURCE_DATE_EPOCH:-}" ] || find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
