// SPDX-License-Identifier: MIT
// The LibTorch executor through the interface of graph/executor.h: frames in, frames out.
#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "graph/error.h"
#include "graph/executor.h"
#include "graph/shorthand.h"
#include "networks/networks.h"

namespace unblur {
namespace {

constexpr int kWidth = 37, kHeight = 21;  // padded to 48 x 32

std::shared_ptr<Model> network(float out_weight) {
  auto model = std::make_shared<Model>(build_network("rt"));
  model->parameters = initial_parameters(model->graph, 1);
  for (float& v : model->parameters.at("out.weight").f32()) v = out_weight;
  return model;
}

Frame random_frame(const FrameFormat& format, unsigned seed) {
  Frame frame(format);
  std::mt19937 random(seed);
  for (std::byte& b : frame.data) b = static_cast<std::byte>(random() >> 24U);
  return frame;
}

class TorchBackendTest : public testing::Test {
 protected:
  static Backend& backend() {
    static const std::unique_ptr<Backend> opened = load_torch_backend("cpu");
    return *opened;
  }
  static Result run(Session& session, const Frame& frame) {
    const Frame* window[] = {&frame};
    session.submit(window);
    return session.receive();
  }
  BindOptions options{.format = {.width = kWidth, .height = kHeight}};
};

TEST_F(TorchBackendTest, NetworkAtItsStartReturnsTheFrame) {
  for (const PixelLayout layout : {PixelLayout::kRgb, PixelLayout::kYuv420, PixelLayout::kGrey}) {
    options.format.layout = layout;
    const auto session = backend().bind(network(0.0F), options);
    const Frame frame = random_frame(options.format, 1);
    EXPECT_EQ(run(*session, frame).frame.data, frame.data);
  }
}

TEST_F(TorchBackendTest, StrengthZeroIsBitExact) {
  options.strength = 0.0F;
  const Frame frame = random_frame(options.format, 2);
  EXPECT_EQ(run(*backend().bind(network(0.05F), options), frame).frame.data, frame.data);
  options.strength = 1.0F;
  EXPECT_NE(run(*backend().bind(network(0.05F), options), frame).frame.data, frame.data);
}

TEST_F(TorchBackendTest, StatesAreCarriedAndReset) {
  const auto session = backend().bind(network(0.05F), options);
  const Frame a = random_frame(options.format, 3), b = random_frame(options.format, 4);
  const Frame first = run(*session, b).frame;
  (void)run(*session, a);
  EXPECT_NE(run(*session, b).frame.data, first.data);
  session->reset();
  EXPECT_EQ(run(*session, b).frame.data, first.data);
}

TEST_F(TorchBackendTest, NamedOutputsAreCroppedAtTheirScale) {
  options.named_outputs = {"frame", "flow", "flow_coarse"};
  options.time_nodes = true;
  const Result result = run(*backend().bind(network(0.0F), options), random_frame(options.format, 5));
  ASSERT_EQ(result.outputs.size(), 3U);
  EXPECT_EQ(result.outputs[0].shape, (Shape{3, kHeight, kWidth}));
  EXPECT_EQ(result.outputs[1].shape, (Shape{2, 3, 5}));  // 21/8 and 37/8, rounded up
  EXPECT_EQ(result.outputs[2].shape, (Shape{2, 2, 3}));
  EXPECT_EQ(result.outputs[1].values.size(), 30U);
  EXPECT_GT(result.times.size(), 50U);
}

TEST_F(TorchBackendTest, ABadFrameIsAnErrorAndKeepsTheStates) {
  auto model = network(0.05F);
  const Frame frame = random_frame(options.format, 6);
  model->parameters.at("out.bias").f32()[0] = std::numeric_limits<float>::quiet_NaN();
  const auto session = backend().bind(model, options);
  const Frame* window[] = {&frame};
  EXPECT_THROW(session->submit(window), ProcessingError);
  EXPECT_EQ(session->in_flight(), 0);
}

TEST_F(TorchBackendTest, WithoutAPictureTheFrameComesBackBesideTheOutputs) {
  auto model = std::make_shared<Model>();
  const Value input = model->graph.add("frame", op::Input{.name = "frame"});
  model->graph.set_output("control", add_conv(model->graph, "control", input, 4, 1));
  model->parameters["control.weight"] = Tensor(DType::kF32, {4, 3, 1, 1});
  model->parameters["control.bias"] = Tensor::from_floats({4}, std::vector<float>{1, 2, 3, 4});
  options.named_outputs = {"control"};
  const Frame frame = random_frame(options.format, 11);
  const Result result = run(*backend().bind(model, options), frame);
  EXPECT_EQ(result.frame.data, frame.data);
  EXPECT_EQ(result.outputs.at(0).shape, (Shape{4, kHeight, kWidth}));
  EXPECT_EQ(result.outputs.at(0).values.back(), 4);
  model->parameters.at("control.bias").f32()[0] = std::numeric_limits<float>::quiet_NaN();
  const auto broken = backend().bind(model, options);
  const Frame* window[] = {&frame};
  EXPECT_THROW(broken->submit(window), ProcessingError);
}

TEST_F(TorchBackendTest, WrongUseIsRefused) {
  const auto session = backend().bind(network(0.0F), options);
  EXPECT_THROW((void)session->receive(), ProcessingError);
  EXPECT_THROW(session->submit({}), ProcessingError);
  const Frame other = random_frame({.width = 16, .height = 16}, 7);
  const Frame* window[] = {&other};
  EXPECT_THROW(session->submit(window), ProcessingError);
  options.memory_limit = 1000;
  EXPECT_THROW((void)backend().bind(network(0.0F), options), MemoryError);
  options = {.format = options.format, .named_outputs = {"depth"}};
  EXPECT_THROW((void)backend().bind(network(0.0F), options), ModelError);
  EXPECT_THROW((void)load_torch_backend("tpu"), UsageError);
  EXPECT_THROW((void)load_torch_backend("cuda:x"), UsageError);
}

TEST_F(TorchBackendTest, LookAheadWantsTwoFrames) {
  auto model = std::make_shared<Model>(build_network("balanced"));
  model->parameters = initial_parameters(model->graph, 1);
  const auto session = backend().bind(model, options);
  EXPECT_EQ(session->min_offset(), 0);
  EXPECT_EQ(session->max_offset(), 1);
  const Frame a = random_frame(options.format, 8), b = random_frame(options.format, 9);
  const Frame* window[] = {&a, &b};
  session->submit(window);
  EXPECT_EQ(session->receive().frame.data, a.data);
}

TEST_F(TorchBackendTest, TensorRunsCarryStates) {
  const auto model = network(0.05F);
  std::vector<float> values(3 * 32 * 48);
  std::mt19937 random(10);
  for (float& v : values) v = static_cast<float>(random() >> 8U) * 0x1p-24F;
  const TensorMap inputs{{"frame", Tensor::from_floats({1, 3, 32, 48}, values)}};
  TensorMap states;
  const TensorMap first = backend().run_tensors(*model, inputs, &states, Precision::kFp32);
  EXPECT_EQ(states.size(), model->graph.states().size());
  EXPECT_EQ(first.at("flow").dims, (Dims{1, 2, 4, 6}));
  const TensorMap second = backend().run_tensors(*model, inputs, &states, Precision::kFp32);
  EXPECT_NE(second.at("frame").to_floats(), first.at("frame").to_floats());
}

}  // namespace
}  // namespace unblur
