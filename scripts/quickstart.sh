#!/usr/bin/env bash
# Sorts a real table on four ranks and checks it: TPC-H's lineitem at scale 1, six million rows of sixteen columns, by
# ship date and then by order, latest first. RANKS=2 and SCALE=0.1 take other numbers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/setup.sh

ranks=${RANKS:-4} scale=${SCALE:-1}
table=data/lineitem-$scale.h5 sorted=data/lineitem-$scale-sorted.h5
keys=(-k l_shipdate -k l_orderkey:desc)

say() { printf '\n$ %s\n' "$*"; "$@"; }

if [[ ! -f $table ]]; then
    mkdir -p data
    say .venv/bin/python scripts/lineitem_to_hdf5.py "$table" --scale "$scale"
fi
say .venv/bin/gpumpi info "$table"
say .venv/bin/gpumpi sort "$table" "$sorted" "${keys[@]}" -n "$ranks" --force
say .venv/bin/gpumpi check "$sorted" "${keys[@]}" --against "$table" -n "$ranks"
