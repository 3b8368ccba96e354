#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Whether binaries run without our packages: what each ELF file below FOLDER needs, and where it would look for it.
#   scripts/check_portable.sh FOLDER
# Allowed are libc, libm, the dynamic linker and the Vulkan loader. Files that link LibTorch may need it, the CUDA runtime and
# the shared libstdc++ and libgcc; these two also unblur-compare, which loads LibTorch, and the validation layer, which is
# the distribution's.
set -euo pipefail

folder=${1:?usage: check_portable.sh FOLDER}
base='libc\.so\.6|libm\.so\.6|ld-linux-x86-64\.so\.2|libvulkan\.so\.1'
with_runtime="$base|libstdc\+\+\.so\.6|libgcc_s\.so\.1"
with_torch="$with_runtime|libtorch(_cpu|_cuda)?\.so|libc10(_cuda)?\.so|libcudart\.so\.13"
bad=0 count=0
while IFS= read -r -d '' file; do
  dynamic=$(readelf -d "$file" 2>/dev/null) || continue  # no ELF file
  [[ $dynamic == *'Dynamic section'* ]] || continue
  count=$((count + 1))
  needed=$(sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' <<<"$dynamic")
  allowed=$base
  if grep -q '^libtorch\|^libc10' <<<"$needed"; then
    allowed=$with_torch
  elif [[ $(basename "$file") == @(unblur-compare|libVkLayer_*) ]]; then
    allowed=$with_runtime
  fi
  others=$(grep -vxE "$allowed" <<<"$needed" | tr '\n' ' ' || true)
  if [ -n "$others" ]; then
    echo "$file needs $others"
    bad=1
  fi
  paths=$(grep -E '\((RPATH|RUNPATH)\)' <<<"$dynamic" || true)
  if [ -n "$paths" ]; then
    echo "$file carries a search path: ${paths##*[}"
    bad=1
  fi
done < <(find -L "$folder" -type f \( -perm -u+x -o -name '*.so*' \) -print0)
[ "$count" -gt 0 ] || { echo "check_portable.sh: no ELF file below $folder" >&2; exit 1; }
[ $bad = 0 ] || exit 1
echo "check_portable.sh: $count files need nothing else"
