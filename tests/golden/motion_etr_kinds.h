// SPDX-License-Identifier: MIT
// Kinds of the system "motion-etr" (tests/golden/motion-etr/README.md), one function each.
#pragma once

#include "golden.h"
#include "networks/motion_etr.h"

namespace unblur::golden::motion_etr {

void deform_conv(Case& c, Backend* backend);
void trajectory(Case& c, Backend* backend);
void offset_net(Case& c, Backend* backend);
void reblur(Case& c, Backend* backend);
void decoder_offsets(Case& c, Backend* backend);
void deblur_net(Case& c, Backend* backend);
void motion_aware(Case& c, Backend* backend);
void visualisation(Case& c, Backend* backend);  ///< the authors' drawings, pixel by pixel
void metrics(Case& c, Backend* backend);

/// The graph with parameters made from their names and the gains of the metadata; UNBLUR_GOLDEN_MOTION_ETR
/// names a model file that shall hold the same. `own` is the prefix that names of the graph have and those of
/// the case lack, or get from its metadata.
[[nodiscard]] Model filled(const Case& c, Graph graph, std::string_view own = "");

/// Mode and number of points of the metadata.
[[nodiscard]] MotionEtrConfig config_of(const Case& c);

// With LibTorch only.
void train_reblur(Case& c, Backend* backend);
/// Loss and gradients of the picture against "sharp", where the file holds it.
void motion_aware_gradients(Case& c);
/// Compares PREFIXgrad_x, grad_offset, grad_mask, grad_weight and grad_bias, as far as the file holds them,
/// of the operator on `operands` with the stored PREFIXgrad_output.
void deform_conv_gradients(Case& c, const std::string& prefix, const op::DeformConv2d& op,
                           const std::vector<Tensor>& operands, const TensorMap& parameters);

}  // namespace unblur::golden::motion_etr
