#!/usr/bin/env bash
# Every measurement: first the small parts (benches/*.rs), then whole recorders beside FFmpeg (benches/whole_process).
# `quick` gives a first impression of the whole recorders only, in about a minute. How to read it: docs/benchmarks.md.
# Exit codes: 0 measured, 2 not everything could be measured.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

whole() {
  mkdir -p test-artifacts
  # The table stays readable in the terminal and is kept beside the figures of every window.
  BENCH_JSON="${BENCH_JSON:-$root/test-artifacts/bench.json}" cargo bench --quiet --bench whole_process -- "$@" | tee test-artifacts/bench.txt
}

if [[ "${1:-}" == quick ]]; then
  whole --quick
  exit
fi

for bench in benches/*.rs; do
  name="$(basename "$bench" .rs)"
  step "$name"
  cargo bench --bench "$name" || exit 2
done
step "整机测量（约 8 分钟，请勿同时运行别的程序）· whole recorders (about 8 minutes; run nothing else meanwhile)"
whole
