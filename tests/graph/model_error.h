// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "graph/error.h"

namespace unblur {

/// What `f` throws as a ModelError; a test failure if it throws nothing.
template <typename F>
std::string model_error(F&& f) {
  try {
    f();
  } catch (const ModelError& error) {
    return error.what();
  }
  ADD_FAILURE() << "no ModelError";
  return {};
}

}  // namespace unblur
