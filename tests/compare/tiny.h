// SPDX-License-Identifier: MIT
// A network of five kernels with what plans make of larger ones: fused activations and residuals, parts of a
// concatenation, a warp, a state that starts from features. Compiled and run in a second.
#pragma once

#include <memory>
#include <string>

#include "graph/model.h"
#include "networks/fill.h"

namespace unblur {

inline std::shared_ptr<Model> tiny_network() {
  auto model = std::make_shared<Model>();
  model->info.name = "tiny";
  model->info.size_multiple = 8;
  Graph& g = model->graph;
  const auto conv = [&](const std::string& name, Value x, int channels) {
    return g.add(name,
                 op::Conv2d{.weight = name + ".weight",
                            .bias = name + ".bias",
                            .out_channels = channels,
                            .pad = {1, 1, 1, 1}},
                 {x});
  };
  const auto leaky = [&](const std::string& name, Value x) {
    return g.add(name, op::Unary{op::UnaryKind::kLeakyRelu}, {x});
  };
  const Value frame = g.add("in", op::Input{.name = "frame"});
  const Value kept = g.add_state("kept", 16);
  const Value moved = g.add("moved", op::Warp{}, {kept, conv("flow", frame, 2)});
  const Value head = leaky("head.leaky", conv("head", frame, 16));
  const Value joined = g.add("joined", op::Concat{}, {head, moved});
  const Value body = g.add("sum", op::Binary{}, {leaky("body.leaky", conv("body", joined, 16)), head});
  const Value restored = g.add("restored", op::Binary{}, {conv("out", body, 3), frame});
  g.set_state("kept", body, head);
  g.set_output("frame", restored);
  model->parameters = filled_parameters(g, 1.0, 1.0);
  return model;
}

}  // namespace unblur
