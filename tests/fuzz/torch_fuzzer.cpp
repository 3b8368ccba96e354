// SPDX-License-Identifier: MIT
// Fuzz target of the reader of PyTorch checkpoints. The first byte chooses how deep the rest goes in:
//   'F' the rest is a file (zip or stream); 'P' the rest is the pickle of a checkpoint, whose storages are
//   zeros.
#include <cstdint>
#include <cstdlib>

#include "graph/error.h"
#include "torch_checkpoint.h"

namespace {

using unblur::ModelError;
using unblur::TensorMap;
using unblur::TorchStorage;

constexpr std::uint64_t kBudget = 1U << 20U;

/// What is taken fits what was promised.
void check(const TensorMap& tensors, std::uint64_t budget) {
  std::uint64_t bytes = 0;
  for (const auto& [name, tensor] : tensors) {
    bytes += tensor.bytes.size();
    if (tensor.bytes.size() != static_cast<std::size_t>(tensor.count()) * size_of(tensor.type)) std::abort();
  }
  if (bytes > budget) std::abort();
}

std::span<const std::byte> zeros(const TorchStorage& storage) {
  static const std::vector<std::byte> block(8 * kBudget);
  const auto count = static_cast<std::uint64_t>(storage.count);
  if (count > kBudget) throw ModelError("more than the fuzzer gives");
  return std::span(block).first(count * size_of(storage.type));
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto rest = std::as_bytes(std::span(data, size)).subspan(1);
  try {
    if (data[0] == 'P') {
      check(load_tensors(unblur::parse_torch_object(rest, kBudget), zeros), kBudget);
    } else {
      check(unblur::parse_torch_checkpoint(rest).tensors, rest.size() + unblur::kTorchSharedBytes);
    }
  } catch (const ModelError&) {  // the only way to refuse
  }
  return 0;
}
