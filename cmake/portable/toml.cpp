// SPDX-License-Identifier: MIT
// What toml++'s headers leave to its library, which Debian has only as a shared one.
#define TOML_IMPLEMENTATION
#include <toml++/toml.h>
