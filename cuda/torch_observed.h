// SPDX-License-Identifier: MIT
// The observed plan of the LibTorch executor: a layer is a node.
#pragma once

#include <memory>

#include "graph/model.h"
#include "graph/observed.h"
#include "torch_mode.h"
#include "torch_ops.h"

namespace unblur {

[[nodiscard]] std::unique_ptr<ObservedPlan> observe_torch(std::shared_ptr<const Model> model,
                                                          const torch::TensorOptions& options,
                                                          const TorchMode& mode, int height, int width);

}  // namespace unblur
