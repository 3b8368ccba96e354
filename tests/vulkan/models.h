// SPDX-License-Identifier: MIT
// Small models and frames for the executor tests, and the float64 truth of a whole graph.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "graph/frame.h"
#include "graph/model.h"
#include "graph/reference.h"

namespace unblur::vk::test {

/// Random parameters (normal, scaled by fan-in) for every name the graph declares.
[[nodiscard]] std::shared_ptr<Model> with_parameters(Graph graph, int size_multiple, unsigned seed = 1);

/// out = in.
[[nodiscard]] std::shared_ptr<Model> identity_model();

/// A recurrent network with one of everything the planner treats specially: strided and 1x1 convolutions,
/// residual, gate of two slices, concatenations in place and not, warp of a state by a flow, pixel shuffle
/// with a skip, a state that is the input, one that is computed on the first frame, one that starts at zero.
[[nodiscard]] std::shared_ptr<Model> recurrent_model();

/// A smooth picture that moves with `index`, plus noise.
[[nodiscard]] Frame make_frame(const FrameFormat& format, int index);

using StateValues = std::map<std::string, ReferenceTensor>;
/// Outputs by name; `states` are those of the previous frame, or empty on the first, and become the next
/// ones.
[[nodiscard]] std::map<std::string, ReferenceTensor> run_reference(
    const Model& model, const std::map<std::string, ReferenceTensor>& inputs, StateValues& states);

}  // namespace unblur::vk::test
