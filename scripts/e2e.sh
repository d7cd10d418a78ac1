#!/usr/bin/env bash
# Simulated cameras, recorder and viewer as separate processes, and the viewer's pages driven by a real browser against them.
# Runs beside a demo: ports and storage are its own. Screenshots and logs are kept in test-artifacts/.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

work="$(mktemp -d "${TMPDIR:-/tmp}/jiancha-e2e.XXXXXX")"
export DEMO_HALL="$work/hall.toml" DEMO_STATE="$work/state" DEMO_CONTROL=127.0.0.1:18600
viewer=127.0.0.1:18080
finish() {
  scripts/demo.sh stop >/dev/null || true
  mkdir -p test-artifacts
  cp "$DEMO_STATE"/*.log test-artifacts/ 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The example hall, on other ports and with a storage folder of its own; the camera of window 02 is recorded without a stamp.
sed -e 's|127\.0\.0\.1:8554|127.0.0.1:18554|' -e "s|127\.0\.0\.1:8080|$viewer|" -e "s|\"\.\./var/storage\"|\"$work/storage\"|" \
  -e '/^id = "C2"$/a stamp = "none"' config/hall.toml >"$DEMO_HALL"
DEMO_DETACH=1 scripts/demo.sh

# The recorder shows the generated password once: letters and digits, after the word for it.
password="$(grep -hiE '密码|口令|password' "$DEMO_STATE/run.out" "$DEMO_STATE/run.log" | grep -oE '\b[A-Za-z0-9]{20,40}\b' | head -n 1 || true)"
[[ -n $password ]] || die "录像启动时没有给出管理员密码" "the recorder showed no administrator's password at its start"

JIANCHA_URL="http://$viewer" JIANCHA_USER=admin JIANCHA_PASSWORD="$password" JIANCHA_WINDOW=03 JIANCHA_UNSTAMPED=02 \
  JIANCHA_ARTIFACTS="$root/test-artifacts" npm --prefix web run e2e
