// SPDX-License-Identifier: MIT
// The table of kinds. A system appears here with all its kinds as soon as one of them is built.
#include "motion_etr_kinds.h"
#include "pvdnet_kinds.h"

#ifdef UNBLUR_GOLDEN_TRAINING
#define UNBLUR_WITH_TRAINING(kind) kind
#else
#define UNBLUR_WITH_TRAINING(kind) nullptr
#endif

namespace unblur::golden {

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> table{
      {"pvdnet", "correlation", Where::kExecutors, pvdnet::correlation},
      {"pvdnet", "warp", Where::kExecutors, pvdnet::warp},
      {"pvdnet", "pixel_volume", Where::kExecutors, pvdnet::pixel_volume},
      {"pvdnet", "bimnet", Where::kExecutors, pvdnet::bimnet},
      {"pvdnet", "pvdnet", Where::kExecutors, pvdnet::pvdnet},
      {"pvdnet", "pvdnet_large", Where::kExecutors, pvdnet::pvdnet_large},
      {"pvdnet", "deblur_step", Where::kExecutors, pvdnet::deblur_step},
      {"pvdnet", "deblur_step_large", Where::kExecutors, pvdnet::deblur_step_large},
      {"pvdnet", "deblur_sequence", Where::kExecutors, pvdnet::deblur_sequence},
      {"pvdnet", "deblur_sequence_large", Where::kExecutors, pvdnet::deblur_sequence_large},
      {"pvdnet", "blur_invariant_loss", Where::kTorch, UNBLUR_WITH_TRAINING(pvdnet::blur_invariant_loss)},
      {"pvdnet", "training_updates", Where::kTorch, UNBLUR_WITH_TRAINING(pvdnet::training_updates)},
      {"pvdnet", "radam", Where::kCpu, UNBLUR_WITH_TRAINING(pvdnet::radam)},
      {"pvdnet", "lr_schedule", Where::kCpu, UNBLUR_WITH_TRAINING(pvdnet::lr_schedule)},
      {"pvdnet", "metrics", Where::kCpu, pvdnet::metrics},
      {"motion-etr", "deform_conv", Where::kExecutors, motion_etr::deform_conv},
      {"motion-etr", "trajectory", Where::kExecutors, motion_etr::trajectory},
      {"motion-etr", "offset_net", Where::kExecutors, motion_etr::offset_net},
      {"motion-etr", "reblur", Where::kExecutors, motion_etr::reblur},
      {"motion-etr", "decoder_offsets", Where::kExecutors, motion_etr::decoder_offsets},
      {"motion-etr", "deblur_net", Where::kExecutors, motion_etr::deblur_net},
      {"motion-etr", "motion_aware", Where::kExecutors, motion_etr::motion_aware},
      {"motion-etr", "train_reblur", Where::kTorch, UNBLUR_WITH_TRAINING(motion_etr::train_reblur)},
      {"motion-etr", "visualisation", Where::kCpu, motion_etr::visualisation},
      {"motion-etr", "metrics", Where::kCpu, motion_etr::metrics},
  };
  return table;
}

}  // namespace unblur::golden
