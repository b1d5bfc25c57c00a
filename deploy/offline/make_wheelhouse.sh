#!/bin/sh
# On a machine with a network, of the same system and Python as the target: collects every package of one version of
# Steatoscope in a folder, with a list of versions and hashes.
#   deploy/offline/make_wheelhouse.sh WHEELHOUSE [EXTRAS]        EXTRAS: server (default), or none
set -eu
[ $# -ge 1 ] || { echo "usage: $0 WHEELHOUSE [EXTRAS]" >&2; exit 2; }
target=$1
extras=${2-server}
root=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-python3}

mkdir -p "$target"
"$python" -m pip wheel --quiet --wheel-dir "$target" -c "$root/constraints.txt" "$root${extras:+[$extras]}"
cp "$root/deploy/offline/install.sh" "$target/"
mkdir -p "$target/deploy"
cp -R "$root/deploy/systemd" "$root/deploy/proxy" "$root/deploy/gunicorn.conf.py" "$target/deploy/"

# one line for each package: name==version with the hash of its wheel; pip refuses anything else
cd "$target"
rm -f requirements.lock
for wheel in *.whl; do
  name=${wheel%%-*}
  rest=${wheel#*-}
  hash=$(sha256sum "$wheel" | cut -d ' ' -f 1)
  echo "$name==${rest%%-*} --hash=sha256:$hash" >> requirements.lock
done
rm -f SHA256SUMS
list=$(find . -type f -exec sha256sum {} + | LC_ALL=C sort -k 2)
echo "$list" > SHA256SUMS
echo "$(wc -l < requirements.lock) packages in $target; hash of all: $(sha256sum SHA256SUMS | cut -d ' ' -f 1)"
