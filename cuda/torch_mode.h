// SPDX-License-Identifier: MIT
// How LibTorch computes. Its switches belong to the process, so backends that differ in them apply theirs
// before every run.
#pragma once

#include <string>

namespace unblur {

struct TorchMode {
  bool cuda = false;
  bool tf32 = false;    ///< products of ten bits; the reference does without
  bool poison = false;  ///< new tensors hold NaN until they are written
  void apply() const;
  /// What stands behind results of a CUDA device: "TF32 off for cuDNN and cuBLAS, ..."; empty for the CPU.
  [[nodiscard]] std::string text() const;
};

}  // namespace unblur
