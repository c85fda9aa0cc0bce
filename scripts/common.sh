# shellcheck shell=bash
# Sourced by the scripts beside it: where things are, and how a script says what went wrong.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

target=${CARGO_TARGET_DIR:-$root/target}
mkdir -p "$target"
target=$(cd "$target" && pwd)
# shellcheck disable=SC2034  # the scripts that source this file use them
venv=$target/test-venv ministack=$target/ministack-venv

export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto}
export PYTHONDONTWRITEBYTECODE=1

# Ends the script with one sentence.
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Installs Debian packages as root or by sudo, or says what to install.
install_packages() {
    local packages=("$@") as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        if ! sudo -n true 2>/dev/null; then
            die "this machine lacks ${packages[*]}; install them with: apt-get install ${packages[*]}"
        fi
        as_root=(sudo -n)
    fi
    command -v apt-get >/dev/null || die "this machine lacks ${packages[*]} and has no apt-get"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null \
        || die "apt-get could not install ${packages[*]}"
}
