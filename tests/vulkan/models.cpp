// SPDX-License-Identifier: MIT
#include "models.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "graph/shorthand.h"

namespace unblur::vk::test {

std::shared_ptr<Model> with_parameters(Graph graph, int size_multiple, unsigned seed) {
  auto model = std::make_shared<Model>();
  model->info.name = "test";
  model->info.size_multiple = size_multiple;
  std::mt19937 random(seed);
  for (const auto& [name, dims] : graph.parameters()) {
    double fan_in = 1;
    for (std::size_t i = 1; i < dims.size(); ++i) fan_in *= static_cast<double>(dims[i]);
    std::normal_distribution<double> normal(dims.size() == 1 ? 0.5 : 0.0,
                                            dims.size() == 1 ? 0.2 : 0.7 / std::sqrt(fan_in));
    std::vector<float> values(static_cast<std::size_t>(element_count(dims)));
    for (float& v : values) v = static_cast<float>(normal(random));
    model->parameters[name] = Tensor::from_floats(dims, values);
  }
  model->graph = std::move(graph);
  return model;
}

std::shared_ptr<Model> identity_model() {
  Graph g;
  const Value frame = g.add("frame", op::Input{.name = "frame"});
  g.set_output("frame", frame);
  return with_parameters(std::move(g), 8);
}

std::shared_ptr<Model> recurrent_model() {
  Graph g;
  const Value frame = g.add("frame", op::Input{.name = "frame"});
  const Value previous = g.add_state("previous", 3);
  const Value hidden = g.add_state("hidden", 16);
  const Value features = g.add_state("features", 16);

  // Half scale: a frame pair unshuffled (unaligned concatenation), a gated block.
  const Value pair = g.add("pair", op::Concat{}, {frame, previous});
  const Value half = g.add("half", op::PixelUnshuffle{.factor = 2}, {pair});
  Value x = g.add("in.act", op::Unary{op::UnaryKind::kLeakyRelu}, {add_conv(g, "in", half, 16)});
  const Value rms = g.add("rms", op::NormChannels{op::NormKind::kRms, 1e-6F}, {x});
  const Value gain = g.add("gain", op::ChannelAffine{.scale = "gain.scale"}, {rms});
  const Value both = add_conv(g, "split", gain, 32);
  const Value u = g.add("u", op::Slice{0, 16}, {both});
  const Value v = g.add("v", op::Slice{16, 16}, {both});
  const Value gate = g.add("gate", op::Binary{op::BinaryKind::kMul}, {u, v});
  const Value skip = x = g.add("block", op::Binary{}, {x, add_conv(g, "join", gate, 16)});

  // Quarter scale: the hidden state moved by a flow, beside new features (in place) and kept ones.
  const Value down = add_conv(g, "down", x, 16, 3, 2);
  const Value flow = g.add("flow", op::Affine{3.0F, 0.25F}, {add_conv(g, "flow.conv", down, 2)});
  const Value moved = g.add("moved", op::Warp{.flow_scale = 1.0F}, {hidden, flow});
  const Value joined = g.add("joined", op::Concat{}, {down, moved, features});
  const Value deep = g.add("deep.act", op::Unary{op::UnaryKind::kTanh}, {add_conv(g, "deep", joined, 16)});

  // Back up: shuffle in the store, skip added after it.
  const Value wide = add_conv(g, "up", deep, 64, 1);
  const Value shuffled = g.add("up.shuffle", op::PixelShuffle{.factor = 2}, {wide});
  x = g.add("up.skip", op::Binary{}, {shuffled, skip});
  const Value out = g.add("out.shuffle", op::PixelShuffle{.factor = 2}, {add_conv(g, "out", x, 12)});
  const Value small = g.add("out.small", op::Affine{0.1F, 0.0F}, {out});
  const Value sum = g.add("sum", op::Binary{}, {small, frame});
  const Value restored = g.add("restored", op::Clamp{0.0F, 1.0F}, {sum});

  g.set_state("previous", frame, frame);
  const Value first = add_conv(g, "first", g.add("first.in", op::PixelUnshuffle{.factor = 4}, {frame}), 16);
  g.set_state("hidden", deep, first, true);
  g.set_state("features", down, first);
  g.set_output("frame", restored);
  g.set_output("flow", flow);
  g.validate();
  return with_parameters(std::move(g), 4);
}

Frame make_frame(const FrameFormat& format, int index) {
  Frame frame(format);
  std::mt19937 random(static_cast<unsigned>(index) + 7U);
  const double top = std::pow(2.0, format.bit_depth) - 1;
  for (int plane = 0; plane < format.plane_count(); ++plane) {
    const int samples = format.plane_width(plane) * format.samples_per_pixel();
    for (int y = 0; y < format.plane_height(plane); ++y) {
      for (int x = 0; x < samples; ++x) {
        const double wave = std::sin(0.21 * (x + 2 * index) + plane) * std::cos(0.17 * (y - index));
        const double noise = static_cast<double>(random() % 1000) / 1000.0 - 0.5;
        const auto code =
            static_cast<std::uint16_t>(top * std::clamp(0.5 + 0.35 * wave + 0.1 * noise, 0.0, 1.0));
        const auto bytes = static_cast<std::size_t>(format.bytes_per_sample());
        const std::size_t at =
            static_cast<std::size_t>(y) * format.row_bytes(plane) + static_cast<std::size_t>(x) * bytes;
        std::memcpy(frame.plane(plane) + at, &code, bytes);
      }
    }
  }
  return frame;
}

std::map<std::string, ReferenceTensor> run_reference(const Model& model,
                                                     const std::map<std::string, ReferenceTensor>& inputs,
                                                     StateValues& states) {
  const Graph& graph = model.graph;
  std::vector<ReferenceTensor> values(graph.nodes().size());
  const auto evaluate = [&](const std::vector<bool>& wanted) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!wanted[i] || !values[i].values.empty()) continue;
      const Node& node = graph.nodes()[i];
      if (const auto* input = std::get_if<op::Input>(&node.op)) {
        values[i] = inputs.at(input->name);
      } else if (const auto* state = std::get_if<op::State>(&node.op)) {
        values[i] = states.at(state->name);
      } else {
        std::vector<ReferenceTensor> operands;
        for (const Value v : node.inputs) operands.push_back(values[static_cast<std::size_t>(v.id)]);
        values[i] = evaluate_reference(node.op, operands, model.parameters);
      }
    }
  };
  const auto value = [&](Value v) -> const ReferenceTensor& {
    return values[static_cast<std::size_t>(v.id)];
  };
  if (states.empty()) {
    for (const StateSpec& state : graph.states()) {
      evaluate(ancestors(graph, std::span(&state.initial, 1)));
      states[state.name] = value(state.initial);
      if (state.zero) std::ranges::fill(states[state.name].values, 0.0);
    }
  }
  evaluate(std::vector<bool>(values.size(), true));
  std::map<std::string, ReferenceTensor> outputs;
  for (const OutputSpec& output : graph.outputs()) outputs[output.name] = value(output.value);
  for (const StateSpec& state : graph.states()) states[state.name] = value(state.next);
  return outputs;
}

}  // namespace unblur::vk::test
