#!/usr/bin/env bash
# Format, clippy, docs, licences, scripts, pages. Called by make, which has set up the machine and built the pages.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

step "cargo fmt"
cargo fmt --check
step "cargo clippy"
cargo clippy --all-targets -- -D warnings
step "cargo doc"
# Module docs speak of private modules too: these links work for whoever reads the source.
RUSTDOCFLAGS="-Dwarnings -Arustdoc::private_intra_doc_links" cargo doc --no-deps
step "cargo deny"
if cargo deny --version >/dev/null 2>&1; then
  # Advisories are left out: their database is on the network, and a check must not depend on it.
  cargo deny check --hide-inclusion-graph licenses bans sources
else
  say "没有安装 cargo-deny，跳过许可检查（cargo install cargo-deny --locked）"
  say "cargo-deny is not installed: licences not checked (cargo install cargo-deny --locked)"
fi
step "脚本 · scripts"
for script in scripts/*.sh .ci/run; do bash -n "$script"; done
if command -v shellcheck >/dev/null; then shellcheck -x scripts/*.sh .ci/run; fi
step "网页 · web"
(cd web && npm run lint --if-present)
step "检查通过 · lint passed"
