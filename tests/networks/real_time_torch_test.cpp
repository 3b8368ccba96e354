// SPDX-License-Identifier: MIT
// The real-time family on the LibTorch interpreter: states, partial evaluation, gradients.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "networks/networks.h"
#include "torch_graph.h"

namespace unblur {
namespace {

/// Parameters whose last layers are not zero, so that everything shows in the output.
TensorMap lively_parameters(const Graph& graph) {
  TensorMap parameters = initial_parameters(graph, 3);
  const TensorMap noise = initial_parameters(graph, 4);
  for (const char* name : {"out.weight", "aux2.weight", "aux4.weight"}) {
    const auto found = parameters.find(name);
    if (found == parameters.end()) continue;
    const auto source = noise.at("b8.0.join.weight").f32();
    for (std::size_t i = 0; i < found->second.f32().size(); ++i) found->second.f32()[i] = 0.1F * source[i];
  }
  return parameters;
}

TorchTensors frame_inputs(const Graph& graph, std::int64_t batch, std::int64_t h, std::int64_t w, int seed) {
  torch::manual_seed(static_cast<std::uint64_t>(seed));
  TorchTensors inputs;
  for (const Value v : graph.inputs()) {
    inputs[std::get<op::Input>(graph.node(v).op).name] = torch::rand({batch, 3, h, w});
  }
  return inputs;
}

class RealTimeTorch : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(All, RealTimeTorch, testing::Values("rt", "balanced"),
                         [](const auto& test) { return test.param; });

TEST_P(RealTimeTorch, TrainingStartsFromOutputEqualsInput) {
  const Model model = build_network(GetParam());
  const TorchGraph net(model.graph, initial_parameters(model.graph, 1));
  const TorchTensors inputs = frame_inputs(model.graph, 2, 32, 48, 1);
  EXPECT_TRUE(torch::equal(net.forward(inputs, {}).outputs.at("frame"), inputs.at("frame")));
}

TEST_P(RealTimeTorch, BatchEqualsSingleFrames) {
  const Model model = build_network(GetParam());
  const TorchGraph net(model.graph, lively_parameters(model.graph));
  const TorchTensors a = frame_inputs(model.graph, 2, 32, 48, 1), b = frame_inputs(model.graph, 2, 32, 48, 2);
  const auto run = [&](std::int64_t begin, std::int64_t count) {
    const auto part = [&](const TorchTensors& all) {
      TorchTensors out;
      for (const auto& [name, t] : all) out[name] = t.narrow(0, begin, count);
      return out;
    };
    const TorchStep first = net.forward(part(a), {});
    return net.forward(part(b), first.states).outputs.at("frame");
  };
  // The pixel volume truncates positions, but both runs see the same ones to a rounding error.
  EXPECT_LT((run(0, 2) - torch::cat({run(0, 1), run(1, 1)})).abs().max().item<float>(), 1e-4);
}

TEST_P(RealTimeTorch, FirstFrameTakesInitialStates) {
  const Model model = build_network(GetParam());
  const TorchGraph net(model.graph, lively_parameters(model.graph));
  const TorchTensors inputs = frame_inputs(model.graph, 1, 32, 32, 1);
  TorchTensors states = net.forward(inputs, {}).states;
  const torch::Tensor implied = net.forward(inputs, {}).outputs.at("frame");
  states["restored"] = inputs.at("frame");
  states["hidden"] = torch::zeros_like(states.at("hidden"));
  const torch::Tensor given = net.forward(inputs, states).outputs.at("frame");
  EXPECT_TRUE(torch::equal(implied, given));
  EXPECT_FALSE(torch::equal(implied, inputs.at("frame")));
}

TEST_P(RealTimeTorch, MotionBranchAloneEvaluatesNothingElse) {
  const Model model = build_network(GetParam());
  TorchGraph net(model.graph, lively_parameters(model.graph));
  net.require_gradients(true);
  const std::vector<std::string> features{"flow_features_8", "flow_features_16"};
  TorchTensors before, now;
  before["frame"] = torch::rand({1, 3, 64, 64});
  now["frame"] = torch::rand({1, 3, 64, 64});
  const TorchStep past = net.forward(before, {}, {.outputs = {}, .states = features});
  int evaluated = 0;
  const TorchStep step = net.forward(now, past.states,
                                     {.outputs = {"flow", "flow_coarse"},
                                      .states = {},
                                      .observe = [&](Value, const torch::Tensor&) { ++evaluated; }});
  EXPECT_LT(evaluated, 40);
  step.outputs.at("flow").square().mean().backward();
  for (const auto& [name, p] : net.parameters()) {
    const bool moved = p.grad().defined() && p.grad().abs().max().item<float>() > 0;
    EXPECT_EQ(moved, name.starts_with("flow.")) << name;
  }
}

TEST_P(RealTimeTorch, EveryParameterGetsAGradient) {
  const Model model = build_network(GetParam(), true);
  TorchGraph net(model.graph, lively_parameters(model.graph));
  net.require_gradients(true);
  TorchTensors states;
  torch::Tensor loss = torch::zeros({});
  for (int t = 0; t < 2; ++t) {
    const TorchStep step = net.forward(frame_inputs(model.graph, 1, 32, 32, t), states);
    states = step.states;
    for (const auto& [name, value] : step.outputs) loss = loss + value.square().mean();
  }
  loss.backward();
  for (const auto& [name, p] : net.parameters()) {
    ASSERT_TRUE(p.grad().defined()) << name;
    EXPECT_GT(p.grad().abs().max().item<float>(), 0) << name;
    EXPECT_TRUE(p.grad().isfinite().all().item<bool>()) << name;
  }
}

TEST(TrajectoryTorch, AStillIsAFrameGivenTwice) {
  const Model model = build_network("trajectory");
  const TorchGraph net(model.graph, initial_parameters(model.graph, 1));
  const TorchTensors frame = frame_inputs(model.graph, 1, 48, 64, 1),
                     other = frame_inputs(model.graph, 1, 48, 64, 2);
  const TorchStep still = net.forward(frame, {});
  const torch::Tensor twice = net.forward(frame, still.states).outputs.at("control");
  EXPECT_TRUE(torch::equal(still.outputs.at("control"), twice));
  const torch::Tensor after_other = net.forward(frame, net.forward(other, {}).states).outputs.at("control");
  EXPECT_FALSE(torch::equal(after_other, twice));
}

// Half of the flow towards the end, minus half towards the start, times the usual exposure: what the learned
// shares and rests are added to.
TEST(TrajectoryTorch, WithoutItsHeadItFollowsTheFlow) {
  const Model model = build_network("trajectory", true);
  TorchGraph net(model.graph, initial_parameters(model.graph, 1));
  const torch::NoGradGuard no_grad;
  for (auto& [name, value] : net.parameters()) {
    if (name.starts_with("head")) value.zero_();
  }
  const TorchStep first = net.forward(frame_inputs(model.graph, 1, 48, 64, 1), {});
  const TorchTensors out = net.forward(frame_inputs(model.graph, 1, 48, 64, 2), first.states).outputs;
  const torch::Tensor& flow = out.at("flow");
  ASSERT_GT(flow.abs().max().item<float>(), 1e-3F);
  const torch::Tensor expected = torch::cat({-0.25 * flow.flip(1), 0.25 * flow.flip(1)}, 1);
  EXPECT_LT((out.at("control8") - expected).abs().max().item<float>(), 1e-5F);
}

}  // namespace
}  // namespace unblur
