#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Format and static analysis of our own sources; any finding is a failure.
#   scripts/lint.sh [--fix-format] [FILE...]     FILEs limit clang-tidy (default: all it can analyse)
# clang-tidy uses the compile commands of build/asan (clang, without LibTorch, whose headers take too long).
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t sources < <(git ls-files '*.cpp' '*.h' '*.cu' '*.cuh')
if [ "${1:-}" = --fix-format ]; then
  clang-format-16 -i "${sources[@]}"
  shift
fi
clang-format-16 --dry-run -Werror "${sources[@]}"
echo "lint: ${#sources[@]} files are formatted"

missing_licence=$(git ls-files '*.cpp' '*.h' '*.cu' '*.comp' '*.glsl' '*.cmake' '*CMakeLists.txt' '*.sh' |
  xargs -r grep -L 'SPDX-License-Identifier')
if [ -n "$missing_licence" ]; then
  printf 'lint: no SPDX line in:\n%s\n' "$missing_licence" >&2
  exit 1
fi

[ -e build/asan/compile_commands.json ] || cmake --preset asan >/dev/null
if [ $# -gt 0 ]; then
  files=("$@")
else
  files=('/(runtime|converters|tests)/.*\.cpp$')
fi
run-clang-tidy-16 -quiet -j "$(nproc)" -p build/asan "${files[@]}" >build/clang-tidy.log 2>&1 || {
  grep -E '(warning|error):' build/clang-tidy.log | sort -u >&2
  echo 'lint: clang-tidy found the above; build/clang-tidy.log has all of it' >&2
  exit 1
}
echo "lint: clang-tidy is silent"
