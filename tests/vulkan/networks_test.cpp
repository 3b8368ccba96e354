// SPDX-License-Identifier: MIT
// The shipped network families on the device: equal to float64 loops over recurrent frames, and plans that
// respect the device's limits at full HD.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "fixture.h"
#include "models.h"
#include "networks/networks.h"
#include "vulkan/frame_plan.h"
#include "vulkan/layout.h"
#include "vulkan/tensor_run.h"

namespace unblur::vk {
namespace {

std::shared_ptr<Model> network(const std::string& name) {
  const Model built = build_network(name);
  return test::with_parameters(built.graph, built.info.size_multiple);
}

/// Largest difference over all outputs and `frames` recurrent frames, as a share of 1 + |truth|.
double error_against_loops(const Model& model, int frames, Storage storage) {
  constexpr int kHeight = 32;
  constexpr int kWidth = 48;
  std::mt19937 random(5);
  test::StateValues truth_states;
  TensorMap states;
  double worst = 0;
  for (int i = 0; i < frames; ++i) {
    TensorMap inputs;
    std::map<std::string, ReferenceTensor> truth_inputs;
    for (const Value v : model.graph.inputs()) {
      const std::string& name = std::get<op::Input>(model.graph.node(v).op).name;
      std::vector<float> values(3 * kHeight * kWidth);
      std::uniform_real_distribution<float> uniform(0.0F, 1.0F);
      for (float& x : values) x = uniform(random);
      inputs[name] = Tensor::from_floats({1, 3, kHeight, kWidth}, values);
      truth_inputs[name] = ReferenceTensor(Shape{3, kHeight, kWidth}, values);
    }
    TensorRunOptions options;
    options.storage = storage;
    options.poison = true;
    const TensorMap outputs = run_tensors(test::device(), test::pipelines(), model, inputs, &states, options);
    const auto truth = test::run_reference(model, truth_inputs, truth_states);
    for (const auto& [name, tensor] : outputs) {
      const std::vector<float> got = tensor.to_floats();
      const std::vector<double>& expected = truth.at(name).values;
      EXPECT_EQ(got.size(), expected.size());
      for (std::size_t k = 0; k < got.size(); ++k) {
        worst = std::max(worst, std::abs(got[k] - expected[k]) / (1.0 + std::abs(expected[k])));
      }
    }
  }
  return worst;
}

TEST(Networks, RtEqualsFloat64LoopsOverRecurrentFrames) {
  EXPECT_LT(error_against_loops(*network("rt"), 3, Storage::kF32), 1e-4);
}

TEST(Networks, FullHdPlansRespectEveryLimit) {
  FrameOptions options;
  options.bind.format.layout = PixelLayout::kYuv420;
  options.bind.format.width = 1920;
  options.bind.format.height = 1080;
  const PhysicalDevice& device = test::device()->physical();
  for (const Storage storage : {Storage::kF32, Storage::kF16Packed}) {
    options.storage = storage;
    const FramePlan plan = plan_frames(*network("rt"), device, options);
    EXPECT_EQ(plan.height, 1088);
    for (const PlannedRun& run : plan.frame.runs) {
      for (const TouchedRows& touched : run.touched) {
        const std::uint64_t row = row_bytes(plan.frame.graph.view(touched.root, storage));
        const auto rows = static_cast<std::uint64_t>(touched.rows.end - touched.rows.begin);
        if (test::device()->storage_buffers()) {
          EXPECT_LE(row * rows, device.caps.max_storage_range);
        }
        EXPECT_LE(row * rows, device.limits.max_allocation);
      }
    }
  }
}

}  // namespace
}  // namespace unblur::vk
