#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# From a fresh clone to deblurred videos: sets the machine up, builds the program and deblurs both demonstration
# clips with the shipped model. Results are left in build/demo.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh --without-torch
deps=${UNBLUR_DEPS_DIR:-$PWD/build/deps}
mkdir -p build/demo
echo 'building (the log is build/demo/build.log)' >&2
{ cmake --preset runtime -DUNBLUR_DEPS_DIR="$deps" && cmake --build --preset runtime --target unblur; } \
  >build/demo/build.log 2>&1 || { tail -n 40 build/demo/build.log >&2; exit 1; }

unblur=build/runtime/bin/unblur
model=models/unblur-rt.safetensors
"$unblur" devices
echo
echo 'a real video, blurred by a shaking hand:'
"$unblur" deblur docs/clips/realshort_320x240.mp4 -o build/demo/realshort.mp4 -m "$model" -y
echo
echo 'a photograph shaken by our own synthesis, whose truth is known:'
"$unblur" deblur docs/clips/seeding_shaken_640x360.mp4 -o build/demo/seeding.mp4 -m "$model" -y \
  --truth docs/clips/seeding_truth_640x360.mp4 --picture build/demo/before-after.png
echo
echo 'results: build/demo/realshort.mp4, build/demo/seeding.mp4; the picture before and after: build/demo/before-after.png'
