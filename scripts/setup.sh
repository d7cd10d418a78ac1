#!/usr/bin/env bash
# Installs what is missing to build and run (with --test: to run every test), says what and why, and changes nothing when
# nothing is missing. Works as root and through sudo. Exit codes: 0 ready, 2 could not make it ready.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

with_tests=no
case "${1:-}" in
  '') ;;
  --test) with_tests=yes ;;
  *) die "用法：scripts/setup.sh [--test]" "usage: scripts/setup.sh [--test]" ;;
esac

# package | why
build_packages='build-essential|C 编译器与 make · C compiler and make
pkg-config|查找系统库 · finds system libraries
clang|为 FFmpeg 生成绑定 · generates the FFmpeg bindings
libclang-dev|为 FFmpeg 生成绑定 · generates the FFmpeg bindings
libgstreamer1.0-dev|GStreamer：解码、叠加、编码 · decode, stamp, encode
libgstreamer-plugins-base1.0-dev|GStreamer 应用与视频库 · its app and video libraries
libgstrtspserver-1.0-dev|模拟摄像机 · simulated cameras
libavcodec-dev|FFmpeg：读回录像、静态图 · reads recordings back, stills
libavformat-dev|FFmpeg 容器 · its containers
libavutil-dev|FFmpeg 基础 · its base
libswscale-dev|FFmpeg 缩放 · its scaler
libswresample-dev|FFmpeg 重采样 · its resampler
gstreamer1.0-tools|gst-inspect，查错用 · gst-inspect, to look for faults
gstreamer1.0-plugins-base|appsrc、appsink、videoconvert
gstreamer1.0-plugins-good|RTP 打包 · RTP payloaders
gstreamer1.0-plugins-bad|h264parse、h265parse
gstreamer1.0-plugins-ugly|x264enc，叠加的后备编码器 · the encoder every machine has
gstreamer1.0-libav|avdec_h264、avdec_h265
gstreamer1.0-x|文字元件（libgstpango）· text elements
fonts-noto-cjk|叠加所用汉字字体 · the stamp'"'"'s Chinese font
curl|查看录像状态、控制模拟摄像机 · asks for health, commands the simulated cameras'
test_packages='chromium|在真实浏览器里测试监看页面 · the viewer in a real browser
vlc-bin|用 VLC 播放 HLS 地址 · plays the HLS address
vlc-plugin-base|VLC 的插件 · its plugins
tesseract-ocr|用独立程序读回叠加文字 · reads the stamp back by a program not ours
tesseract-ocr-chi-sim|它的简体中文数据 · its data for simplified Chinese
ffmpeg|用独立程序检查每个录像文件 · checks every file by a program not ours
fonts-dejavu-core|摄像机自带时间的测试字体 · fonts of cameras'"'"' own clocks, for tests
openssl|用独立程序核验签名 · checks signatures by a program not ours
mount|测试用的小磁盘 · small disks for the tests
util-linux|无权挂载时另开名字空间 · a namespace of its own where mounting is not allowed'

wanted="$build_packages"
if [[ $with_tests == yes ]]; then wanted+=$'\n'"$test_packages"; fi

is_debian() {
  command -v apt-get >/dev/null && command -v dpkg-query >/dev/null && [[ -r /etc/os-release ]] &&
    (. /etc/os-release && [[ " ${ID:-} ${ID_LIKE:-} " == *" debian "* ]])
}

if ! is_debian; then
  say "本系统不是 Debian，请自行安装与下列软件包相当的内容，然后运行 cargo build："
  say "This is not Debian. Install what corresponds to these packages, then run cargo build:"
  while IFS='|' read -r package why; do printf '  %-34s %s\n' "$package" "$why"; done <<<"$wanted"
  exit 2
fi

installed() { [[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]; }

missing=()
reasons=''
while IFS='|' read -r package why; do
  if ! installed "$package"; then
    missing+=("$package")
    reasons+="$(printf '  %-34s %s' "$package" "$why")"$'\n'
  fi
done <<<"$wanted"

if ((${#missing[@]} > 0)); then
  say "将安装 ${#missing[@]} 个 Debian 软件包 · installing ${#missing[@]} Debian packages:"
  printf '%s' "$reasons"
  as_root=()
  if [[ "$(id -u)" != 0 ]]; then
    command -v sudo >/dev/null || die \
      "不是 root，也没有 sudo。请以 root 运行：apt-get install --no-install-recommends ${missing[*]}" \
      "Neither root nor sudo here. As root, run: apt-get install --no-install-recommends ${missing[*]}"
    as_root=(sudo)
  fi
  apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 "$@"; }
  install() { apt install -y -q --no-install-recommends "${missing[@]}"; }
  # A fresh machine has no package lists; old ones name versions that are gone.
  if ! compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; then
    apt update -q || die "apt-get update 失败，请检查网络与 /etc/apt/sources.list" "apt-get update failed: look at the network and /etc/apt/sources.list"
    install || die "安装失败，原因见上" "the installation failed, see above"
  elif ! install; then
    say "安装失败，更新软件包列表后再试 · failed; trying again with new package lists"
    apt update -q && install || die "安装失败，原因见上" "the installation failed, see above"
  fi
else
  say "Debian 软件包齐全 · Debian packages: all there"
fi

need_rust="$(sed -nE 's/^rust-version *= *"([0-9.]+)".*/\1/p' Cargo.toml)"
command -v rustc >/dev/null || die \
  "没有 Rust。请安装 $need_rust 或更新的版本（https://rustup.rs）" "No Rust. Install $need_rust or later (https://rustup.rs)"
have_rust="$(rustc --version | awk '{print $2}')"
at_least "${have_rust%%-*}" "$need_rust" || die \
  "Rust $have_rust 太旧，需要 $need_rust 或更新。请运行 rustup update" "Rust $have_rust is too old, $need_rust or later is needed: rustup update"
say "Rust $have_rust"

need_node="$(sed -nE 's/.*"node": *">=([0-9.]+)".*/\1/p' web/package.json 2>/dev/null || true)"
need_node="${need_node:-20}"
command -v node >/dev/null && command -v npm >/dev/null || die \
  "没有 Node.js 或 npm。请安装 Node $need_node 或更新的版本（https://nodejs.org）" "No Node.js or npm. Install Node $need_node or later (https://nodejs.org)"
have_node="$(node --version)"
at_least "${have_node#v}" "$need_node" || die \
  "Node $have_node 太旧，需要 $need_node 或更新" "Node $have_node is too old, $need_node or later is needed"
say "Node $have_node"

if [[ web/package-lock.json -nt web/node_modules/.package-lock.json ]]; then
  say "安装监看页面的 npm 依赖 · installing the viewer's npm packages"
  (cd web && npm ci --no-audit --no-fund)
  touch web/node_modules/.package-lock.json
else
  say "npm 依赖齐全 · npm packages: all there"
fi
