#!/usr/bin/env bash
# Sets up and runs all tests, or the groups named: scripts/test.sh [lint] [unit] [ranks] [system]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/setup.sh

export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_pml=ob1 OMPI_MCA_btl=self,sm OMPI_MCA_osc=^ucx
bin=.venv/bin
groups=("$@")
[[ $# -gt 0 ]] || groups=(lint unit ranks system)

say() { printf '\n$ %s\n' "$*"; "$@"; }

# Folders of tests that hold any: an empty one is an error to pytest.
folders() {
    local folder
    for folder in "$@"; do
        if [[ -n $(find "$folder" -name 'test_*.py' -print -quit 2>/dev/null) ]]; then echo "$folder"; fi
    done
}

run_lint() {
    say $bin/ruff check .
    say $bin/ruff format --check .
    say $bin/mypy gpumpi
}

run_unit() {
    mapfile -t found < <(folders tests/unit tests/contract tests/kernels)
    say timeout 300 $bin/python -m pytest -q "${found[@]}"
}

run_ranks() {
    [[ -n $(folders tests/ranks) ]] || return 0
    for ranks in 1 2 3 4 5; do
        say timeout 300 $bin/mpirun --oversubscribe --bind-to none -n "$ranks" \
            $bin/python -m pytest -q -p no:cacheprovider tests/ranks
    done
}

run_system() {
    say timeout 600 $bin/python -m pytest -q tests/system
}

for group in "${groups[@]}"; do
    case $group in
        lint | unit | ranks | system) ;;
        *) echo "test: '$group' is no group of tests; there are lint, unit, ranks, system" >&2; exit 2 ;;
    esac
done
for group in "${groups[@]}"; do "run_$group"; done
printf '\ntest: all passed (%s) in %d s\n' "${groups[*]}" "$SECONDS"
