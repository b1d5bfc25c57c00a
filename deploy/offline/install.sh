#!/bin/sh
# On the machine without a network: checks the wheelhouse that this script lies in and installs it.
#   ./install.sh TARGET HASH_OF_ALL        TARGET: for example /opt/steatoscope-0.1.0
# HASH_OF_ALL is what make_wheelhouse.sh printed, carried over by another way than the folder itself.
set -eu
[ $# -eq 2 ] || { echo "usage: $0 TARGET HASH_OF_ALL" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}

cd "$here"
echo "$2  SHA256SUMS" | sha256sum --check --quiet - || { echo "the list of hashes is not the one announced" >&2; exit 1; }
sha256sum --check --quiet --strict SHA256SUMS || { echo "the wheelhouse was changed" >&2; exit 1; }

"$python" -m venv "$1"
"$1/bin/python" -m pip install --quiet --no-index --find-links "$here" --no-deps --require-hashes -r requirements.lock
"$1/bin/python" -m pip check
