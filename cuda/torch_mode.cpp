// SPDX-License-Identifier: MIT
#include "torch_mode.h"

#include <ATen/Context.h>
#include <fmt/format.h>

namespace unblur {

void TorchMode::apply() const {
  at::Context& context = at::globalContext();
  context.setAllowTF32CuDNN(tf32);
  context.setAllowTF32CuBLAS(tf32);
  context.setBenchmarkCuDNN(false);
  // An operator without a deterministic form warns rather than fails. In this mode new memory can be filled.
  context.setDeterministicAlgorithms(cuda || poison, /*warn_only=*/true);
  context.setDeterministicFillUninitializedMemory(poison);
}

std::string TorchMode::text() const {
  if (!cuda) return {};
  return fmt::format("TF32 {} for cuDNN and cuBLAS, cuDNN benchmark off, deterministic algorithms on",
                     tf32 ? "on" : "off");
}

}  // namespace unblur
