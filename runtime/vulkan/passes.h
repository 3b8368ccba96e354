// SPDX-License-Identifier: MIT
// Graph passes: each takes a Lowered graph to one that computes the same with less memory traffic, and can
// be run and tested alone. run_passes applies all but drop_no_ops in the order below: the planner runs that
// one first, before it adds the copies that states need, which look like no-ops and must stay.
#pragma once

#include "vulkan/lowering.h"

namespace unblur::vk {

/// Values that equal their operand (affine 1 and 0, slice of everything, pad of nothing, ...) become it.
void drop_no_ops(Lowered& graph);

/// Scales and shifts by constants (affine, channel_affine) move into the weights of the convolution before
/// them, or of all convolutions after them. A shift moves forward only where no zero border would miss it.
/// Results differ from the graph's by rounding.
void fold_affine(Lowered& graph);

/// Activations, added values, clamps and pixel shuffles move into the store of the convolution (of any kind)
/// before them where nothing else reads the values between.
void fuse_epilogues(Lowered& graph);

/// Slices of whole blocks of 8 channels become views of what they are cut from.
void view_slices(Lowered& graph);

/// A concatenation that cannot be written in place and that only a pixel unshuffle reads is gathered by it.
void join_moves(Lowered& graph);

/// Operands of a concatenation that lie at multiples of 8 channels are written in place; what cannot be
/// (states, views, values of another concatenation) is copied, and unaligned concatenations stay kernels.
/// Those of more operands than a kernel takes are split.
void place_concats(Lowered& graph);

/// Without `fuse` only what no plan can do without: place_concats.
void run_passes(Lowered& graph, bool fuse = true);

}  // namespace unblur::vk
