// SPDX-License-Identifier: MIT
// A clip through a network on LibTorch, as a user would get it: 8-bit frames in and out.
#pragma once

#include "graph/model.h"
#include "torch_graph.h"

namespace unblur {

/// A frame [n,c,h,w] padded by replication to the size that `info` asks for.
[[nodiscard]] torch::Tensor padded_for(const torch::Tensor& frame, const ModelInfo& info);

/// Restores frames uint8 [t,3,h,w] one after the other with carried states, without gradients. Frames are
/// padded by replication to the sizes that `info` asks for and brought into its value range; a neighbour that
/// is asked for beyond the end is the last frame. Returns uint8 [t,3,h,w] on the CPU.
[[nodiscard]] torch::Tensor restore_clip(const TorchGraph& net, const torch::Tensor& frames,
                                         const ModelInfo& info, c10::Device device);

}  // namespace unblur
