#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Everything that is checked, from a fresh clone; ends with the summary of the tests.
#   scripts/test.sh                  set-up; the part without LibTorch under ASan and UBSan; lint; build; tests
#   scripts/test.sh tests [ARG...]   set-up, build and tests only; ARGs go to ctest
set -euo pipefail
cd "$(dirname "$0")/.."

what=${1:-all}
[ $# -eq 0 ] || shift
case $what in all | tests) ;; *) echo "test.sh: no stage '$what', see the top of this file" >&2; exit 2 ;; esac

started=$SECONDS
processor_minutes() { awk -v hz="$(getconf CLK_TCK)" '{printf "%.1f", ($16 + $17) / hz / 60}' /proc/$$/stat; }
step() {
  local s=$((SECONDS - started))
  printf '\n=== %s (%d:%02d, %s min of processor time)\n' "$*" $((s / 60)) $((s % 60)) "$(processor_minutes)"
}

step 'set-up'
scripts/setup.sh
deps=${UNBLUR_DEPS_DIR:-$PWD/build/deps}
# A cache of our own: kernels are compiled once per machine, and never read from what other programs left.
export MESA_SHADER_CACHE_DIR=$PWD/build/mesa-cache
mkdir -p "$MESA_SHADER_CACHE_DIR"
export OMP_WAIT_POLICY=PASSIVE  # LibTorch's threads would spin away the processors that other tests need

if [ "$what" = all ]; then
  step 'build without LibTorch, under ASan and UBSan'
  cmake --preset asan -DUNBLUR_DEPS_DIR="$deps" >build/asan-configure.log || { cat build/asan-configure.log; exit 1; }
  cmake --build --preset asan
  step 'its tests'
  export LSAN_OPTIONS=suppressions=$PWD/tests/lsan.supp:print_suppressions=0
  ctest --preset asan -L cpu -j "$(nproc)"
  # The host code of the executor; kernels are the same bits under a sanitizer, so one driver is enough.
  ctest --preset asan -R '^vulkan\.(device|session|colour|passes).*lavapipe$' -j "$(nproc)"

  step 'lint'
  scripts/lint.sh
fi

step 'build'
# Unity sources compile in half of the time; scripts/demo.sh builds the files one by one.
cmake --preset release -DUNBLUR_DEPS_DIR="$deps" -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=12 \
  >build/release-configure.log || { cat build/release-configure.log; exit 1; }
cmake --build --preset release
step 'tests'
ctest --preset release -j "$(nproc)" "$@"
