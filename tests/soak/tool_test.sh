#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# soak_tool finds a leak and nothing else: tool_test.sh PATH_OF_soak_tool
set -euo pipefail
tool=$1
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# 120 samples; memory goes up and down by 60 MB with what is open, after a start that grows. `leak` bytes a second,
# so many descriptors and Vulkan objects; `apart` s between samples.
samples() {
  awk -v leak="$1" -v descriptors="$2" -v objects="$3" -v apart="${4:-1}" 'BEGIN {
    print "seconds,frames,vulkan_bytes,vulkan_objects,rss_bytes,descriptors"
    srand(5)
    for (i = 0; i < 120; ++i) {
      s = i * apart
      open = int(rand() * 3)
      start = i < 10 ? i * 5e6 : 50e6
      printf "%d,%d,%d,%d,%d,%d\n", s, s * 30, 8e7 + open * 3e7, 100 + open * 30 + objects * s, 2e8 + start + open * 3e7 + leak * s, 20 + open + descriptors * s
    }
  }'
}
samples 0 0 0 >"$folder/good.csv"
"$tool" check "$folder/good.csv"
samples 300000 0 0 >"$folder/memory.csv"
if "$tool" check "$folder/memory.csv"; then echo 'a leak of 0.3 MB/s was not found' >&2; exit 1; fi
"$tool" check "$folder/memory.csv" 10000  # 30 frames a second, of which others keep so much
samples 0 0.1 0 >"$folder/descriptors.csv"
if "$tool" check "$folder/descriptors.csv"; then echo 'a descriptor every 10 s was not found' >&2; exit 1; fi

samples 0 0 1 >"$folder/objects.csv"
if "$tool" check "$folder/objects.csv"; then echo 'an object a second was not found' >&2; exit 1; fi

# Of 20 minutes much less is found.
samples 0 0 0 10 >"$folder/long.csv"
"$tool" check "$folder/long.csv"
samples 1500 0 0 10 >"$folder/long.csv"
if "$tool" check "$folder/long.csv"; then echo 'a leak of 1.5 KB/s was not found' >&2; exit 1; fi
samples 0 0.005 0 10 >"$folder/long.csv"
if "$tool" check "$folder/long.csv"; then echo 'a descriptor every 200 s was not found' >&2; exit 1; fi
samples 0 0 0.005 10 >"$folder/long.csv"
if "$tool" check "$folder/long.csv"; then echo 'an object every 200 s was not found' >&2; exit 1; fi

"$tool" script 3 50 640x360 "$here/actions.txt" >"$folder/a.txt"
"$tool" script 3 50 640x360 "$here/actions.txt" >"$folder/b.txt"
cmp "$folder/a.txt" "$folder/b.txt"
[ "$(tail -n 1 "$folder/a.txt")" = quit ]
echo 'soak_tool: good'
