# shellcheck shell=bash
# Sourced by the scripts beside it: where things are, and how a script says what went wrong.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

target=${CARGO_TARGET_DIR:-$root/target}
mkdir -p "$target"
target=$(cd "$target" && pwd)
# shellcheck disable=SC2034  # the scripts that source this file use both
venv=$target/test-venv tools=$target/test-tools

export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto}
export PYTHONDONTWRITEBYTECODE=1

# Ends the script with one sentence.
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}
