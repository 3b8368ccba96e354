#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The viewer under random actions; its memory, descriptors and Vulkan objects may not rise after the first tenth.
#   tests/soak/viewer.sh --minutes N --seed S [--bin FOLDER] [--out FOLDER] [--model FILE] [-- VIEWER_ARGUMENT...]
# Off-screen. FOLDER of --bin holds unblur-viewer and soak_tool. In --out stay script.txt, samples.csv, log.txt, check.txt.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
minutes=2 seed=1 bin=$here/../../build/release/bin out= model=
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

# More actions than a fast machine manages in the time; the run ends by the clock.
"$bin/soak_tool" script "$seed" $((seconds * 50)) 640x360 "$here/actions.txt" >"$out/script.txt"
cd "$out"
export XDG_CONFIG_HOME=$out/config UNBLUR_VIEWER_COUNTERS=$out/counters.csv
rm -f counters.csv samples.csv
"$bin/unblur-viewer" pattern:320x180 ${model:+-m "$model"} --size 640x360 --offscreen --script script.txt "$@" \
  >log.txt 2>&1 &
viewer=$!
trap 'kill -KILL $viewer 2>/dev/null || true' EXIT

# The time begins with the first frames: before them a driver without a cache compiles for as long as it takes.
frames_so_far() { tail -n 1 counters.csv 2>/dev/null | awk -F, '$2 + 0 > 0 {print $2} END {print 0}' | head -n 1; }
for ((second = 0; second < 600; ++second)); do
  [ -e /proc/$viewer/status ] && [ "$(frames_so_far)" -lt 10 ] || break
  sleep 1
done

# One line a second: the viewer's own counters beside what the system says of it.
last=
for ((second = 0; second < seconds; ++second)); do
  sleep 1
  [ -e /proc/$viewer/status ] || break
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
"$bin/soak_tool" check samples.csv | tee check.txt
