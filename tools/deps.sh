#!/bin/sh
# Installs the Debian 12 packages that building and testing need and that are missing; with
# "bench", the peers of benchmarks too. Silent and quick when nothing is: every make calls it.
set -eu

packages="
  gcc make git pkg-config
  clang clang-14 clang-format clang-tidy libclang-rt-14-dev
  libssl-dev libargon2-dev libnghttp2-dev libcurl4-openssl-dev zlib1g-dev libxxhash-dev libzstd-dev
  libqrencode-dev
  libprotobuf-c-dev protobuf-c-compiler libmsgpack-dev
  libcmocka-dev librocksdb-dev
  python3 python3-pytest python3-requests python3-yaml
  curl nghttp2-client wrk nginx-light
"
if [ "${1:-}" = bench ]; then packages="$packages postgresql redis-server util-linux"; fi

# One query for all; a package that dpkg never heard of is an error of its, and missing.
installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $packages 2>/dev/null || true)

missing=
for package in $packages; do
  case "
$installed
" in
  *"
$package installed
"*) ;;
  *) missing="$missing $package" ;;
  esac
done
[ -z "$missing" ] && exit 0

install="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" -eq 0 ]; then
  as_root=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
  as_root="sudo -n"
else
  echo "tools/deps.sh: packages are missing and this user may not install them. Run as root:" >&2
  echo "  apt-get update && $install" >&2
  exit 1
fi

echo "tools/deps.sh: installing$missing" >&2
run() { $as_root env DEBIAN_FRONTEND=noninteractive "$@"; }
# The package lists may be older than the archive, or absent in a fresh container.
run apt-get update -q >&2
run $install -q >&2
