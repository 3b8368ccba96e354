#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds preset `portable` and packs what a GPU machine without our packages needs for scripts/gpu_round.py:
# build/portable/unblur-round.tar.xz, below 35 MiB, with programs, tests, models and the validation layer.
#   scripts/gpu_package.sh [CMAKE-OPTION...]
set -euo pipefail
cd "$(dirname "$0")/.."

build=build/portable
folder=$build/unblur-round
package=$folder.tar.xz
limit=$((35 << 20))
mkdir -p build
cmake --preset portable -DUNBLUR_DEPS_DIR="${UNBLUR_DEPS_DIR:-$PWD/build/deps}" "$@" >build/portable-configure.log ||
  { cat build/portable-configure.log; exit 1; }
grep '^-- CUDA:' build/portable-configure.log || true  # what is compiled, or why it is left out
cmake --build --preset portable

rm -rf $folder
cmake --install $build --component round --strip --prefix $folder >/dev/null
git describe --always --dirty >$folder/COMMIT
system=/usr/lib/$(uname -m)-linux-gnu
mkdir $folder/{layers,loader}
strip -o $folder/layers/libVkLayer_khronos_validation.so "$system"/libVkLayer_khronos_validation.so
sed 's|"library_path": *"[^"]*"|"library_path": "./libVkLayer_khronos_validation.so"|' \
  /usr/share/vulkan/explicit_layer.d/VkLayer_khronos_validation.json >$folder/layers/VkLayer_khronos_validation.json
cp /usr/share/doc/vulkan-validationlayers/copyright $folder/layers/
strip -o $folder/loader/libvulkan.so.1 "$system"/libvulkan.so.1  # for machines that have a driver alone
cp /usr/share/doc/libvulkan1/copyright $folder/loader/

scripts/check_portable.sh $folder
# The window holds several binaries: what they share is stored once.
tar -C $build -c unblur-round | xz -T1 --lzma2=preset=6,dict=64MiB >$package
size=$(stat -c %s $package)
printf '%s: %d.%d MiB, unpacked %s\n' $package $((size >> 20)) $(((size & 1048575) * 10 >> 20)) "$(du -sh $folder | cut -f 1)"
[ "$size" -lt $limit ] || { echo 'gpu_package.sh: that is not below 35 MiB' >&2; exit 1; }
