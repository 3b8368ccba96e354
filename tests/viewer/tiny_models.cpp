// SPDX-License-Identifier: MIT
#include "tiny_models.h"

#include <algorithm>
#include <vector>

#include "graph/shorthand.h"

namespace unblur::test {
namespace {

/// Weights [out,in,3,3] with `centre` where output and input channel agree.
Tensor diagonal(int out, int in, float centre) {
  std::vector<float> values(static_cast<std::size_t>(out * in * 9), 0.0F);
  for (int c = 0; c < std::min(out, in); ++c) values[static_cast<std::size_t>((c * in + c) * 9 + 4)] = centre;
  return Tensor::from_floats({out, in, 3, 3}, values);
}

}  // namespace

Model scaling_model(const std::string& name, float factor) {
  Model model;
  model.info.name = name;
  Graph& g = model.graph;
  const Value frame = g.add("frame", op::Input{.name = "frame"});
  const Value wide = add_conv(g, "wide", frame, 8);
  g.set_output("frame", add_conv(g, "narrow", wide, 3));
  g.set_output("flow", add_conv(g, "still", wide, 2));
  g.validate();
  model.parameters["wide.weight"] = diagonal(8, 3, 1);
  model.parameters["wide.bias"] = Tensor::from_floats({8}, std::vector<float>(8, 0.0F));
  model.parameters["narrow.weight"] = diagonal(3, 8, factor);
  model.parameters["narrow.bias"] = Tensor::from_floats({3}, std::vector<float>(3, 0.0F));
  model.parameters["still.weight"] = diagonal(2, 8, 0);
  // From this frame to the previous one.
  model.parameters["still.bias"] = Tensor::from_floats({2}, std::vector<float>{-kClaimedMotion, 0});
  return model;
}

Model deep_model(int steps) {
  Model model;
  model.info.name = "deep";
  Graph& g = model.graph;
  const Value frame = g.add("frame", op::Input{.name = "frame"});
  Value x = frame;
  const std::vector<float> same{1, 0, 0, 0, 1, 0, 0, 0, 1};
  for (int i = 0; i < steps; ++i) {
    const std::string name = "step" + std::to_string(i);
    x = add_conv(g, name, x, 3, 1);
    model.parameters[name + ".weight"] = Tensor::from_floats({3, 3, 1, 1}, same);
    model.parameters[name + ".bias"] = Tensor::from_floats({3}, std::vector<float>(3, 0.0F));
  }
  g.set_output("frame", x);
  g.set_output("flow", add_conv(g, "still", frame, 2, 1));
  g.validate();
  model.parameters["still.weight"] = Tensor::from_floats({2, 3, 1, 1}, std::vector<float>(6, 0.0F));
  model.parameters["still.bias"] = Tensor::from_floats({2}, std::vector<float>{-kClaimedMotion, 0});
  return model;
}

Model memory_model() {
  Model model;
  model.info.name = "memory";
  Graph& g = model.graph;
  const Value frame = g.add("frame", op::Input{.name = "frame"});
  const Value before = g.add_state("before", 3);
  const Value own = g.add("own", op::Affine{.scale = 0.5F}, {frame});
  const Value past = g.add("past", op::Affine{.scale = 0.5F}, {before});
  const Value mean = g.add("mean", op::Binary{op::BinaryKind::kAdd}, {own, past});
  g.set_state("before", mean, frame);
  g.set_output("frame", mean);
  g.validate();
  return model;
}

}  // namespace unblur::test
