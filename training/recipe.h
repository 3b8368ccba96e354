// SPDX-License-Identifier: MIT
// What a network is trained for decides its losses (step_parts.h), its log and its validation. Everything
// else of a run is the same for all.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/model.h"
#include "steps.h"

namespace unblur {

/// Of a network by its outputs. Paths that tell the directions of time apart are learned from exact ones.
[[nodiscard]] Recipe recipe_of(const ModelInfo& info, const Graph& graph);

/// Columns of train.csv after "iteration", and the values after the first four (stage, seconds, clips, rate).
/// Losses that the motion stage does not have are NaN there.
[[nodiscard]] std::vector<std::string> train_columns(Recipe recipe);
[[nodiscard]] std::vector<double> train_values(Recipe recipe, const StepReport& report, bool motion_stage);

/// The error in which a network shows that it learns motion at all: of its paths where it makes them and the
/// stage trains them, else of its flow.
[[nodiscard]] EndPointError motion_error(Recipe recipe, const StepReport& report, bool motion_stage);

}  // namespace unblur
