#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The viewer under random actions; its memory, descriptors and Vulkan objects may not rise after the first tenth.
#   tests/soak/viewer.sh --minutes N --seed S [--bin FOLDER] [--out FOLDER] [--model FILE] [-- VIEWER_ARGUMENT...]
# In a window under Xvfb, validated, with patterns, files and a camera that fails now and then. FOLDER of --bin holds
# unblur-viewer, soak_tool and libunblur_fake_v4l2.so. In --out stay script.txt, samples.csv, log.txt, check.txt.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
minutes=2 seed=1 bin=$here/../../build/release/bin out= model=half.safetensors
while [ $# -gt 0 ]; do
  case $1 in
    --minutes) minutes=$2; shift 2 ;;
    --seed) seed=$2; shift 2 ;;
    --bin) bin=$2; shift 2 ;;
    --out) out=$2; shift 2 ;;
    --model) model=$2; shift 2 ;;
    --) shift; break ;;
    *) echo "viewer.sh: no option '$1', see the top of this file" >&2; exit 2 ;;
  esac
done
bin=$(cd "$bin" && pwd)
[ -n "$out" ] || out=$(mktemp -d)
mkdir -p "$out"
out=$(cd "$out" && pwd)
seconds=$(awk -v m="$minutes" 'BEGIN {printf "%d", m * 60}')

# More actions than a fast machine manages in the time; the run ends by the clock. Places are left of the panel.
"$bin/soak_tool" script "$seed" $((seconds * 20)) 490x600 "$here/actions.txt" >"$out/script.txt"
"$bin/soak_tool" media "$out"
cd "$out"
rm -f counters.csv samples.csv display
Xvfb -displayfd 3 -screen 0 1024x768x24 -nolisten tcp 3>display >xvfb.txt 2>&1 &
xvfb=$! viewer=
trap 'kill -KILL $viewer $xvfb 2>/dev/null || true' EXIT
for ((second = 0; second < 60; ++second)); do
  [ -s display ] && break
  sleep 0.5
done
echo run >camera
export DISPLAY=:$(cat display) XDG_CONFIG_HOME=$out/config UNBLUR_VIEWER_COUNTERS=$out/counters.csv
# One arena that gives back what is free: what is measured is what is in use, not what the allocator keeps.
export MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=131072 MALLOC_MMAP_THRESHOLD_=131072
# The layers themselves keep 8 to 10 KB per frame (docs/measurements/viewer.md): UNBLUR_VALIDATION=0 for hours.
export UNBLUR_VALIDATION=${UNBLUR_VALIDATION:-1} UNBLUR_FAKE_V4L2_COMMAND=$out/camera
LD_PRELOAD=$bin/libunblur_fake_v4l2.so "$bin/unblur-viewer" pattern:320x180 -m "$model" -b weak.safetensors \
  --size 800x600 --script script.txt "$@" >log.txt 2>&1 &
viewer=$!

# The time begins with the first frames: before them a driver without a cache compiles for as long as it takes.
frames_so_far() { tail -n 1 counters.csv 2>/dev/null | awk -F, '$2 + 0 > 0 {print $2} END {print 0}' | head -n 1; }
for ((second = 0; second < 600; ++second)); do
  [ -e /proc/$viewer/status ] && [ "$(frames_so_far)" -lt 10 ] || break
  sleep 1
done

# One line a second: the viewer's own counters beside what the system says of it. A starved machine gets up to four
# times as long, for a trend needs frames.
wanted=240
last= moods=(run run run broken run run stall run run eio run run gone run)
began=$SECONDS second=0
while [ $second -lt "$seconds" ] || { [ $second -lt $((4 * seconds)) ] && [ "$(frames_so_far)" -lt $wanted ]; }; do
  sleep 1
  second=$((SECONDS - began))
  [ -e /proc/$viewer/status ] || break
  echo "${moods[second / 5 % ${#moods[@]}]}" >camera
  own=$(tail -n 1 counters.csv 2>/dev/null || true)
  case $own in '' | seconds* | "$last") continue ;; esac
  last=$own
  rss=$(awk '/^VmRSS/ {print $2 * 1024}' /proc/$viewer/status 2>/dev/null || true)
  [ -n "$rss" ] || break
  [ -e samples.csv ] || echo "$(head -n 1 counters.csv),rss_bytes,descriptors" >samples.csv
  echo "$own,$rss,$(ls /proc/$viewer/fd | wc -l)" >>samples.csv
done

code=0
if kill -TERM $viewer 2>/dev/null; then
  wait $viewer || code=$?
  [ $code -eq 143 ] && code=0  # it ran until it was told to end
else
  wait $viewer || code=$?
fi
kill $xvfb
trap - EXIT
if [ $code -ne 0 ]; then
  echo "soak: the viewer ended with $code after $second s (seed $seed); the end of its log:" >&2
  tail -n 20 log.txt >&2
  exit 1
fi
if grep -nE 'Validation|VUID|UNASSIGNED' log.txt >&2; then
  echo "soak: validation messages (seed $seed)" >&2
  exit 1
fi
layers_keep=0
[ "$UNBLUR_VALIDATION" != 1 ] || layers_keep=10000
"$bin/soak_tool" check samples.csv $layers_keep | tee check.txt
