#!/usr/bin/env bash
# A simulated service hall, recorded and shown: starts simulated cameras and the recorder on config/hall.toml, waits until every
# camera is being recorded, prints the viewer's address. Ctrl-C stops both. DEMO_DETACH=1 leaves them running; `stop` ends them.
# DEMO_HALL, DEMO_STATE and DEMO_CONTROL take another hall.toml (one path per camera of the simulator), another folder for pids and
# logs, another control port: so that tests can run beside a demo.
# Exit codes: 0 good, 1 not all cameras recorded in time, 2 could not start.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

hall="${DEMO_HALL:-config/hall.toml}"
state="${DEMO_STATE:-var/demo}"
control="${DEMO_CONTROL:-127.0.0.1:8600}"
rtsp="$(sed -nE 's|^url *= *"rtsp://([^/]+)/.*|\1|p' "$hall" | head -n 1)"
viewer="$(sed -nE 's/^listen *= *"([^"]+)".*/\1/p' "$hall" | head -n 1)"
viewer="${viewer:-127.0.0.1:8080}"
patience=90

# The pid of a part that runs, by its pid file; nothing when it does not.
alive() {
  local pid
  pid="$(cat "$state/$1.pid" 2>/dev/null)" || return 1
  # A pid file can outlive its process, and another process can have got the number.
  [[ -n $pid && "$({ tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null)" == *"jiancha $1 "* ]] && printf '%s' "$pid"
}
# True until a process of this script has ended; a zombie has.
lives() { [[ "$(awk '/^State/{print $2}' "/proc/$1/status" 2>/dev/null)" == [!Z] ]]; }
# The same for a part this script has started, which may not have become the program yet.
started_lives() { lives "$(cat "$state/$1.pid")"; }

# The recorder first, so that its last segments are sealed while the cameras still send.
stop_part() {
  local pid
  pid="$(alive "$1")" || return 0
  kill -TERM "$pid" 2>/dev/null || true
  for _ in $(seq 200); do
    lives "$pid" || return 0
    sleep 0.1
  done
  say "$1（$pid）20 秒内没有停下，强制结束 · did not stop within 20 s, killed"
  kill -KILL "$pid" 2>/dev/null || true
}
stop_all() {
  stop_part run
  stop_part simulate
  rm -f "$state/run.pid" "$state/simulate.pid"
}

if [[ "${1:-}" == stop ]]; then
  if alive run >/dev/null || alive simulate >/dev/null; then
    stop_all
    say "演示已停止 · the demo is stopped"
  else
    rm -f "$state/run.pid" "$state/simulate.pid"
    say "演示没有在运行 · no demo is running"
  fi
  exit 0
fi

if alive run >/dev/null || alive simulate >/dev/null; then
  die "演示已在运行。停止：make demo-stop" "A demo is already running. To stop it: make demo-stop"
fi
taken() { (exec 3<>"/dev/tcp/${1%:*}/${1##*:}") 2>/dev/null; }
for part in "$rtsp|模拟摄像机|the simulated cameras" "$control|模拟摄像机的控制口|their control port" "$viewer|监看页面|the viewer"; do
  IFS='|' read -r address zh en <<<"$part"
  if taken "$address"; then
    die "$address（$zh）已被别的程序占用。查看是谁：ss -ltnp | grep ${address##*:}" \
      "$address ($en) is taken by another program. To see which: ss -ltnp | grep ${address##*:}"
  fi
done

mapfile -t cameras < <(sed -nE 's|^url *= *"rtsp://[^/]+/([^"]+)".*|\1|p' "$hall")
mapfile -t ids < <(awk '/^\[\[/{section=$0} section=="[[camera]]" && /^id *=/{gsub(/^id *= *"|".*$/, ""); print}' "$hall")
list="$(IFS=,; printf '%s' "${cameras[*]}")"

step "构建 · build"
cargo build
step "测试媒体 · test media"
"$(binary)" simulate --generate "$media_dir" --cameras "$list"

mkdir -p "$state"
storage="$(sed -nE 's/^path *= *"([^"]+)".*/\1/p' "$hall" | head -n 1)"
storage="$(cd "$(dirname "$hall")" && realpath -m "$storage")"
# The recorder never makes a storage root itself: a disk that is not mounted must not fill the one beneath.
mkdir -p "$storage"
JIANCHA_CAMERA_PASSWORD="$(head -c 18 /dev/urandom | base64 | tr '+/' '-_')"
export JIANCHA_CAMERA_PASSWORD

trap 'stop_all; exit 130' INT
trap 'stop_all; exit 143' TERM HUP
# Parts get sessions of their own: Ctrl-C comes to this script, which stops them in order.
start_part() {
  local name="$1"
  shift
  setsid "$(binary)" "$name" "$@" >"$state/$name.out" 2>"$state/$name.log" </dev/null &
  printf '%s\n' "$!" >"$state/$name.pid"
}
broke() {
  say "" "$1" >&2
  for name in simulate run; do
    say "-- $state/$name.log" >&2
    tail -n 20 "$state/$name.log" >&2 || true
  done
  stop_all
  exit "$2"
}

step "启动 · start"
start_part simulate --listen "$rtsp" --control "$control" --cameras "$list" --media "$media_dir" \
  --username jiancha --password-env JIANCHA_CAMERA_PASSWORD
started="$SECONDS"
until taken "$rtsp"; do
  started_lives simulate || broke "模拟摄像机没有启动，原因见日志 · the simulated cameras did not start" 2
  ((SECONDS - started < patience)) || broke "模拟摄像机 $patience 秒内没有就绪 · the simulated cameras are not ready" 2
  sleep 0.2
done
: >"$state/started"
start_part run --config "$hall"

# Every camera has written since the start, and the recorder's own measurement says that all are recorded.
recorded() {
  local id
  for id in "${ids[@]}"; do
    [[ -n "$(find "$storage/$id" -name '*.mp4' -newer "$state/started" -print -quit 2>/dev/null)" ]] || return 1
  done
}
started="$SECONDS"
until recorded && curl -fsS -o "$state/health.json" "http://$viewer/healthz" 2>/dev/null; do
  started_lives run || broke "录像没有启动，原因见日志 · the recorder did not start" 2
  started_lives simulate || broke "模拟摄像机已停止，原因见日志 · the simulated cameras ended" 2
  if ((SECONDS - started >= patience)); then
    curl -sS "http://$viewer/healthz" >&2 || true
    broke "$patience 秒内没有全部录上 · not every camera is recorded after $patience s" 1
  fi
  sleep 0.5
done

step "${#ids[@]} 路摄像机全部在录（$((SECONDS - started)) 秒）· all ${#ids[@]} cameras are being recorded ($((SECONDS - started)) s)"
cat "$state/run.out"
grep -hiE '密码|口令|password' "$state/run.log" || true
say ""
say "监看 · viewer        http://$viewer/"
say "录像 · recordings    $storage"
say "日志 · logs          $(realpath "$state/run.log")"
say "试试故障 · try       curl -X POST http://$control/cameras/hall-1/stall   (heal 恢复 · heals)"
say "帐号与密码只在首次启动时显示，忘记了见 jiancha user --help"
say "Name and password are shown at the first start only; if lost, see jiancha user --help"

if [[ -n "${DEMO_DETACH:-}" && "${DEMO_DETACH}" != 0 ]]; then
  say "" "在后台运行；停止：make demo-stop · runs in the background; to stop: make demo-stop"
  exit 0
fi
say "" "按 Ctrl-C 停止 · Ctrl-C stops"
while started_lives run && started_lives simulate; do sleep 1; done
broke "有一部分自己停了 · a part ended by itself" 1
