// SPDX-License-Identifier: MIT
// Kinds of the system "pvdnet" (tests/golden/pvdnet/README.md), one function each.
#pragma once

#include "golden.h"

namespace unblur::golden::pvdnet {

void correlation(Case& c, Backend* backend);
void warp(Case& c, Backend* backend);
void pixel_volume(Case& c, Backend* backend);
void bimnet(Case& c, Backend* backend);
void pvdnet(Case& c, Backend* backend);
void pvdnet_large(Case& c, Backend* backend);
void deblur_step(Case& c, Backend* backend);
void deblur_step_large(Case& c, Backend* backend);
void deblur_sequence(Case& c, Backend* backend);
void deblur_sequence_large(Case& c, Backend* backend);
void metrics(Case& c, Backend* backend);
// With LibTorch only.
void blur_invariant_loss(Case& c, Backend* backend);
void training_updates(Case& c, Backend* backend);
void radam(Case& c, Backend* backend);
void lr_schedule(Case& c, Backend* backend);

// Bounds of the cases' README that several kinds share.
inline constexpr double kFlowBound = 2e-3, kStepMean = 1e-3, kStepLargest = 0.05;

/// The graph with parameters made from their names and the gains of the metadata.
[[nodiscard]] Model filled(const Case& c, Graph graph);

}  // namespace unblur::golden::pvdnet
