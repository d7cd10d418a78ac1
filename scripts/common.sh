# Helpers of the scripts beside this file; sourced, not run.
# shellcheck shell=bash

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root" || exit 2

# One line for each argument.
say() { printf '%s\n' "$@"; }
step() { printf '\n== %s\n' "$*"; }
# Says what is wrong and how to mend it, one line each, and ends with 2: could not do it.
die() {
  printf '%s\n' "$@" >&2
  exit 2
}

# rustup puts cargo where a fresh shell may not look.
if ! command -v cargo >/dev/null && [[ -x "$HOME/.cargo/bin/cargo" ]]; then
  PATH="$HOME/.cargo/bin:$PATH"
fi

# True when version $1 is at least $2.
at_least() { [[ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" == "$2" ]]; }

# The program as `cargo build` leaves it.
binary() { printf '%s/debug/jiancha' "${CARGO_TARGET_DIR:-target}"; }

# Where generated clips lie.
media_dir=test-media/generated
