#!/usr/bin/env bash
# Makes the pictures of docs/stamp/: the stamp on bright, dark and busy pictures at 360p, 1080p and 4K, as it stands in a recording.
# Each goes the recorder's own way (`jiancha replay`: decode, stamp, encode, file); a picture is then decoded from the file by ffmpeg.
# 4K pictures are shown at a third of their size, with both corners of the stamp cut out at full size. Exit codes: 0 made, 2 not.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

out="${1:-docs/stamp}"
jiancha="$(binary)"
[[ -x "$jiancha" ]] || die "请先运行 cargo build" "Run cargo build first."
command -v ffmpeg >/dev/null || die "没有 ffmpeg，请运行 scripts/setup.sh --test" "No ffmpeg: run scripts/setup.sh --test"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

# A background as an ffmpeg source: paper-white with a soft slope, night, and the detail of a crowded hall.
source_of() {
  case "$1" in
    bright) printf 'gradients=s=%s:c0=0xfffdf5:c1=0xdcdcd0:x0=0:y0=0:x1=%s:y1=0:nb_colors=2:speed=0.00001:rate=25' "$2" "${2%x*}" ;;
    dark) printf 'gradients=s=%s:c0=0x101418:c1=0x2a3038:x0=0:y0=0:x1=%s:y1=0:nb_colors=2:speed=0.00001:rate=25' "$2" "${2%x*}" ;;
    # Coarse and fine patches of every brightness, moving past.
    busy) printf 'color=gray:s=%sx%s:rate=25,noise=alls=100:all_seed=7,scale=%s:%s:flags=bicubic,eq=contrast=1.4:saturation=0.35,scroll=h=0.002' \
      $((${2%x*} / 16)) $((${2#*x} / 16)) "${2%x*}" "${2#*x}" ;;
  esac
}

for size in 640x360 1920x1080 3840x2160; do
  for kind in bright dark busy; do
    name="${size#*x}p-$kind"
    clip="$work/$name.mkv"
    noise=''
    if [[ $kind == busy ]]; then noise=',noise=alls=24:allf=t'; fi
    ffmpeg -v error -y -f lavfi -i "$(source_of "$kind" "$size")" -vf "format=yuv420p$noise" -frames:v 30 \
      -c:v libx264 -preset ultrafast -b:v 20M -bf 0 "$clip"
    rm -rf "$work/recording"
    "$jiancha" replay --config config/hall.toml --media "C3=$clip" --start 2026-11-22T14:50:03+08:00 --seconds 1 \
      --out "$work/recording" --json >"$work/replay.json" 2>"$work/log" || { cat "$work/log" >&2; exit 2; }
    grep -q '"stamped": true' "$work/replay.json" || die "录像没有叠加" "the recording is not stamped"
    file="$(find "$work/recording" -name '*.mp4' | sort | head -n 1)"
    shown=''
    if [[ $size == 3840x2160 ]]; then shown='scale=1280:-2:flags=area'; fi
    ffmpeg -v error -y -ss 0.4 -i "$file" -frames:v 1 ${shown:+-vf "$shown"} -q:v 4 "$out/$name.jpg"
    if [[ $size == 3840x2160 ]]; then
      # Both corners at full size, one above the other.
      ffmpeg -v error -y -ss 0.4 -i "$file" -frames:v 1 -filter_complex \
        '[0]split[a][b];[a]crop=1240:160:0:0[t];[b]crop=1240:240:iw-1240:ih-240[l];[t][l]vstack' -q:v 5 "$out/$name-corners.jpg"
    fi
    say "$out/$name.jpg"
  done
done
say "$(du -sh "$out" | cut -f1) $out"
