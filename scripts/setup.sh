#!/usr/bin/env bash
# Makes .venv with the package (editable), an MPI, and what the tests and benchmarks need. Needs python3 >= 3.11 and
# network once; a second call finds that nothing has changed and returns at once. PYTHON=... takes another Python.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

stamp=.venv/.made-from
wanted=$(cat setup.cfg pyproject.toml scripts/setup.sh | sha256sum)
if [[ -x .venv/bin/gpumpi && -f $stamp && $(<"$stamp") == "$wanted" ]]; then
    exit 0
fi

for python in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then break; fi
    python=
done
if [[ -z $python ]]; then
    echo "setup: no Python 3.11 or newer in PATH; install one, or say which with PYTHON=/path/to/python3" >&2
    exit 2
fi
if [[ ! -x .venv/bin/python ]] && ! "$python" -m venv .venv; then
    echo "setup: $python cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2
    exit 2
fi

echo "setup: installing into .venv" >&2
.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[mpi,filters,test,bench]'
echo "setup: compiling the loops" >&2
.venv/bin/python -m gpumpi.device.compile
echo "$wanted" > "$stamp"
