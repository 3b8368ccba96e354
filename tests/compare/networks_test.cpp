// SPDX-License-Identifier: MIT
// Networks with filled parameters, LibTorch against Vulkan, layer by layer, and the memory that takes; that
// an observed plan computes the bits of the plain one. All networks at more sizes: docs/measurements.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>

#include "comparison.h"
#include "graph/error.h"
#include "graph/observed.h"
#include "networks/fill.h"
#include "networks/networks.h"
#include "tiny.h"
#include "vulkan/backend.h"

namespace unblur {
namespace {

/// A texture that moves by (2, 1) px per frame.
std::vector<Frame> moving_frames(int width, int height, int count) {
  std::vector<Frame> frames;
  for (int t = 0; t < count; ++t) {
    Frame& frame = frames.emplace_back(FrameFormat{.width = width, .height = height});
    std::size_t at = 0;
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        for (int c = 0; c < 3; ++c) {
          const double wave = std::sin(0.31 * (x - 2 * t) + c) * std::cos(0.23 * (y - t)) +
                              0.4 * std::sin(1.7 * (x - 2 * t) - 1.1 * (y - t));
          frame.data[at++] = static_cast<std::byte>(std::lround(127.5 + 80 * wave));
        }
      }
    }
  }
  return frames;
}

/// Gains that keep values and motions of every network within the sizes of the golden cases.
std::shared_ptr<const Model> filled_network(const std::string& name) {
  auto model = std::make_shared<Model>(build_network(name));
  const bool etr = name.starts_with("motion-etr");
  model->parameters =
      etr ? filled_parameters(model->graph, 0.8, 1.3) : filled_parameters(model->graph, 1.05, 1.5);
  return model;
}

CompareRequest request_for(const std::shared_ptr<const Model>& model, int width, int height, int frames,
                           const std::string& examined = "vulkan:0") {
  CompareRequest request{.model = model,
                         .model_name = model->info.name,
                         .input_name = "texture",
                         .frames = moving_frames(width, height, frames + 1),
                         .count = static_cast<std::size_t>(frames),
                         .backends = {parse_backend("torch:cpu"), parse_backend(examined)}};
  request.layers = true;
  return request;
}

class NetworkLayers : public testing::TestWithParam<std::string> {};

// Two frames: one whose states take their initial values, and one that goes on from it; PVDNet runs a third.
TEST_P(NetworkLayers, AddLessThanTheirBounds) {
  const auto model = filled_network(GetParam());
  const bool large = GetParam() == "pvdnet";
  const Comparison c = compare(request_for(model, large ? 128 : 43, large ? 96 : 29, large ? 3 : 2));
  const Examined& e = c.examined.at(0);
  EXPECT_EQ(e.verdict, "");
  ASSERT_TRUE(e.layers);
  double share = 0;
  std::size_t volumes = 0;
  for (const LayerDifference& d : e.layers->layers) {
    share = std::max(share, d.share());
    if (d.op != "pixel_volume") continue;
    ++volumes;
    EXPECT_LE(d.added.largest, 1e-6) << d.name;
  }
  for (const std::string& moved : e.layers->unjudged) EXPECT_TRUE(moved.starts_with("concat ")) << moved;
  const OutputDifference& out = e.layers->outputs.back().outputs.at(0);
  std::printf(
      "%s: %zu layers, worst %.2g of its bound; output %.2e of %.2g; tensors %.2f of what is allowed\n",
      GetParam().c_str(), e.layers->layers.size(), share, out.largest, out.scale,
      static_cast<double>(e.layers->tensor_bytes()) / static_cast<double>(e.layers->allowed_bytes()));
  EXPECT_GT(share, 0);  // two implementations, not one compared with itself
  EXPECT_EQ(volumes > 0, GetParam().starts_with("pvdnet") || GetParam() == "balanced");
  EXPECT_LE(e.layers->tensor_bytes(), e.layers->allowed_bytes());
  EXPECT_GT(e.layers->tensor_bytes(), e.layers->peak_bytes);  // it is really counted
  // Of a first frame the states may be what the inputs are.
  if (large) {
    EXPECT_EQ(e.layers->bytes.at(1), e.layers->bytes.at(2));
  }
  EXPECT_TRUE(vulkan_validation_messages().empty());
}

INSTANTIATE_TEST_SUITE_P(Vulkan, NetworkLayers,
                         testing::Values("rt", "balanced", "trajectory", "pvdnet", "motion-etr-deblur"),
                         [](const auto& param) {
                           std::string name = param.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

/// All outputs and the frames' order of an observed plan are those of the plain one, bit for bit.
void expect_equal_bits(const std::shared_ptr<const Model>& model, Precision precision) {
  constexpr int kHeight = 32, kWidth = 48;
  const auto backend = create_vulkan_backend();
  const auto plan = backend->observe(model, kHeight, kWidth, precision, true);
  TensorMap states;
  for (int t = 0; t < 2; ++t) {
    TensorMap inputs;
    for (const Value v : model->graph.inputs()) {
      const auto& input = std::get<op::Input>(model->graph.node(v).op);
      Tensor& tensor = inputs[input.name] = Tensor(DType::kF32, {1, input.channels, kHeight, kWidth});
      for (std::size_t i = 0; i < tensor.f32().size(); ++i)
        tensor.f32()[i] = 0.5F + 0.4F * static_cast<float>(std::sin(0.1 * static_cast<double>(i) + t));
    }
    plan->begin(inputs, t == 0);
    for (std::size_t i = 0; i < plan->layers().size(); ++i) plan->step();
    const TensorMap observed = plan->finish();
    for (const auto& [name, tensor] : backend->run_tensors(*model, inputs, &states, precision))
      EXPECT_EQ(observed.at(name).bytes, tensor.bytes) << name << " of frame " << t;
  }
}

TEST(LayersVulkan, ObservedPlansComputeTheBitsOfPlainOnes) {
  expect_equal_bits(filled_network("rt"), Precision::kFp32);
  expect_equal_bits(tiny_network(), Precision::kFp32);
  expect_equal_bits(tiny_network(), Precision::kFp16);
}

TEST(LayersVulkan, OtherFormsOfAPlanAgree) {
  const auto model = tiny_network();
  for (const char* form :
       {"vulkan:0+nofuse", "vulkan:0+ssbo", "vulkan:0+conv2d=conv_direct", "vulkan:0+fp16"}) {
    CompareRequest request = request_for(model, 43, 29, 2, form);
    const Comparison c = compare(request);
    EXPECT_EQ(c.verdict(), "") << form;
    const auto& layers = c.examined.at(0).layers->layers;
    const auto direct = [](const LayerDifference& d) { return d.kernel.starts_with("conv_direct"); };
    EXPECT_TRUE(!request.backends[1].kernels.contains("conv2d") || std::ranges::any_of(layers, direct));
  }
  // Two kernels on one device: values of the plan in question are those of the other one.
  CompareRequest kernels = request_for(model, 43, 29, 2, "vulkan:0+conv2d=conv_direct");
  kernels.backends[0] = parse_backend("vulkan:0");
  EXPECT_EQ(compare(kernels).verdict(), "");
  CompareRequest wrong = request_for(model, 43, 29, 1, "vulkan:0+conv2d=conv_fast");
  EXPECT_THROW((void)compare(wrong), Error);
}

}  // namespace
}  // namespace unblur
