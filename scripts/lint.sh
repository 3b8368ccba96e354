#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Format and static analysis of our own sources; any finding is a failure.
#   scripts/lint.sh [--fix-format]
# clang-tidy sees what preset asan builds: the part without LibTorch (whose headers take too long), a dozen files at a time, since most of its time
# goes to system headers, and a unity build reads those once. So names in anonymous namespaces are unique per target.
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t sources < <(git ls-files '*.cpp' '*.h' '*.cu' '*.cuh')
[ "${1:-}" != --fix-format ] || clang-format-16 -i "${sources[@]}"
clang-format-16 --dry-run -Werror "${sources[@]}"
echo "lint: ${#sources[@]} files are formatted"

missing_licence=$(git ls-files '*.cpp' '*.h' '*.cu' '*.comp' '*.glsl' '*.cmake' '*CMakeLists.txt' '*.sh' |
  xargs -r grep -L 'SPDX-License-Identifier')
if [ -n "$missing_licence" ]; then
  printf 'lint: no SPDX line in:\n%s\n' "$missing_licence" >&2
  exit 1
fi

cmake --preset asan -DUNBLUR_DEPS_DIR="${UNBLUR_DEPS_DIR:-$PWD/build/deps}" >build/lint-configure.log || {
  cat build/lint-configure.log
  exit 1
}
cmake --build --preset asan --target unblur_shaders  # generated headers
# forward.cpp is generated, too.
run-clang-tidy-16 -quiet -j "$(nproc)" -p build/asan '^(?!.*/forward[.]cpp$)' >build/clang-tidy.log 2>&1 || {
  grep -E '(warning|error):' build/clang-tidy.log | sort -u >&2
  echo 'lint: clang-tidy found the above; build/clang-tidy.log has all of it' >&2
  exit 1
}
echo "lint: clang-tidy is silent"
