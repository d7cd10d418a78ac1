#!/usr/bin/env bash
# Runs every test; with `prove` only the long proofs. Called by make, which has set up the machine and built the pages.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

step "构建 · build"
cargo build
step "测试媒体 · test media"
"$(binary)" simulate --generate "$media_dir"

nextest() { cargo nextest --version >/dev/null 2>&1; }

if [[ "${1:-}" == prove ]]; then
  step "长时间证明 · long proofs"
  export JIANCHA_PROVE=1
  scripts/garage.sh
  # No proof found is a failure with either runner.
  if nextest; then
    exec cargo nextest run -E 'test(/(^|::)prove_/)'
  fi
  cargo test -- --list 2>/dev/null | grep -qE '(^|::)prove_.*: test$' || die "没有名为 prove_* 的测试" "there is no test named prove_*"
  exec cargo test prove_
fi

step "Rust 测试 · Rust tests"
if nextest; then
  cargo nextest run
  cargo test --doc
else
  cargo test
fi

step "网页测试 · web tests"
(cd web && npm test)
step "浏览器测试 · browser tests"
scripts/e2e.sh
step "全部测试通过 · all tests passed"
