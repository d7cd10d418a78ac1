#!/usr/bin/env bash
# Builds Garage, the distributed object store, into target/tools: `make prove` copies to three nodes of it. GARAGE=/path/to/garage
# uses one that is there. Installs nothing outside target/.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

version=2.5.0
if [[ -n "${GARAGE:-}" ]]; then
  [[ -x "$GARAGE" ]] || die "GARAGE=$GARAGE 不是可执行文件" "GARAGE=$GARAGE is not a program"
  exit 0
fi
if [[ "$(target/tools/bin/garage --version 2>/dev/null || true)" == *"$version"* ]]; then
  exit 0
fi
step "构建 Garage $version（仅 make prove 使用，约 15 分钟）· building Garage $version, for make prove only, about 15 minutes"
cargo install garage --version "$version" --locked --root target/tools --no-default-features --features bundled-libs,sqlite
