// SPDX-License-Identifier: MIT
// What the benchmarks share.
#pragma once

#include <time.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "networks/networks.h"

namespace unblur::bench {

/// Processor time of this process over all its threads: what the work costs, whoever else uses the machine.
/// On a CPU device that includes the kernels.
inline double processor_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// A model file, or a network by name with the weights that training starts from: time does not depend on
/// them.
inline std::shared_ptr<Model> load_model(const std::string& what) {
  if (std::filesystem::exists(what)) return std::make_shared<Model>(read_model(what));
  auto model = std::make_shared<Model>(build_network(what));
  model->parameters = initial_parameters(model->graph, 1);
  return model;
}

/// What a session has to be asked for beside the picture, so that a model without one computes anything.
inline std::vector<std::string> outputs_to_ask_for(const Graph& graph) {
  std::vector<std::string> names;
  if (graph.has_output("frame")) return names;
  for (const OutputSpec& output : graph.outputs()) names.push_back(output.name);
  return names;
}

}  // namespace unblur::bench
