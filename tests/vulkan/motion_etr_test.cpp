// SPDX-License-Identifier: MIT
// Motion-ETR's deblurring network on the device, with the parameters of the golden cases: frames of any size
// against the graph on the padded picture, and a memory limit that cuts frames into row strips.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "fixture.h"
#include "graph/colour.h"
#include "graph/error.h"
#include "models.h"
#include "networks/fill.h"
#include "networks/networks.h"
#include "vulkan/session.h"
#include "vulkan/tensor_run.h"

namespace unblur::vk {
namespace {

/// One for all tests, so that pipelines are compiled once.
const std::shared_ptr<Model>& network() {
  static const std::shared_ptr<Model> shared = [] {
    auto model = std::make_shared<Model>(build_network("motion-etr-deblur"));
    for (const auto& [name, dims] : model->graph.parameters()) {
      model->parameters[name] = name.ends_with("ratio_3")
                                    ? Tensor::from_floats({}, std::vector{0.08F})
                                    : fill_parameter(name, dims, name.starts_with("offset_net.") ? 1.3 : 0.8);
    }
    return model;
  }();
  return shared;
}

FrameOptions frame_options(const FrameFormat& format) {
  FrameOptions options;
  options.bind.format = format;
  options.bind.named_outputs = {"frame", "control", "offsets"};
  return options;
}

Result session_run(const Frame& frame, const FrameOptions& options) {
  VulkanSession session(test::device(), test::shared_pipelines(), network(), options);
  const Frame* window[] = {&frame};
  session.submit(window);
  return session.receive();
}

/// In [0, 1], the last row and column repeated up to the size that the network takes.
Tensor padded_picture(const Frame& frame) {
  const auto padded = [](int size) { return std::max(16, (size + 7) / 8 * 8); };
  const int h = frame.format.height, w = frame.format.width, rows = padded(h), columns = padded(w);
  const std::vector<float> values = frame_to_rgb(frame);
  Tensor out(DType::kF32, {1, 3, rows, columns});
  std::size_t at = 0;
  for (int c = 0; c < 3; ++c) {
    for (int y = 0; y < rows; ++y) {
      for (int x = 0; x < columns; ++x) {
        const int from = (c * h + std::min(y, h - 1)) * w + std::min(x, w - 1);
        out.f32()[at++] = values[static_cast<std::size_t>(from)];
      }
    }
  }
  return out;
}

/// Largest difference of a cropped output from the tensor that it is the top-left part of.
double largest_difference(const NamedOutput& got, const Tensor& all) {
  const std::vector<float> whole = all.to_floats();
  double largest = 0;
  for (int c = 0, i = 0; c < got.shape.c; ++c) {
    for (int y = 0; y < got.shape.h; ++y) {
      for (int x = 0; x < got.shape.w; ++x, ++i) {
        const auto at = static_cast<std::size_t>((c * all.dims[2] + y) * all.dims[3] + x);
        const double d = std::abs(double{got.values[static_cast<std::size_t>(i)]} - double{whole[at]});
        if (std::isnan(d)) return INFINITY;
        largest = std::max(largest, d);
      }
    }
  }
  return largest;
}

TEST(MotionEtr, AnySizeEqualsTheGraphOnThePaddedPicture) {
  for (const auto& [width, height] : {std::pair{45, 27}, std::pair{5, 3}}) {
    const FrameFormat format{PixelLayout::kRgb, 8, width, height, {}};
    const Frame frame = test::make_frame(format, 1);
    const TensorMap truth = run_tensors(test::device(), test::pipelines(), *network(),
                                        {{"frame", padded_picture(frame)}}, nullptr, {});
    const Result got = session_run(frame, frame_options(format));
    ASSERT_EQ(got.outputs.size(), 3U);
    for (const NamedOutput& output : got.outputs) {
      EXPECT_EQ(output.shape.h, height) << output.name;
      EXPECT_EQ(output.shape.w, width) << output.name;
      EXPECT_LE(largest_difference(output, truth.at(output.name)), output.name == "frame" ? 1e-4 : 5e-4)
          << output.name;
    }
    const Frame expected = apply_correction(frame, frame_to_rgb(frame), got.outputs.front().values, 1.0F);
    for (std::size_t i = 0; i < expected.data.size(); ++i) {
      const int a = std::to_integer<int>(expected.data[i]), b = std::to_integer<int>(got.frame.data[i]);
      ASSERT_LE(std::abs(a - b), 1);
    }
  }
}

// Strips cost no bit. They save nothing either: what deformable layers read stays whole, and three such
// values of the decoders are more than an encoder ever holds. So the limit is the least that the network
// takes.
TEST(MotionEtr, MemoryLimitAndStripsGiveTheSameBits) {
  const FrameFormat format{PixelLayout::kRgb, 8, 16, 720, {}};
  const Frame frame = test::make_frame(format, 2);
  FrameOptions options = frame_options(format);
  const PhysicalDevice& device = test::device()->physical();
  const std::uint64_t whole = plan_frames(*network(), device, options).report.total_bytes();
  const Result expected = session_run(frame, options);
  const auto expect_same = [&] {
    const Result cut = session_run(frame, options);
    EXPECT_TRUE(cut.frame.data == expected.frame.data);
    for (std::size_t i = 0; i < expected.outputs.size(); ++i)
      EXPECT_TRUE(cut.outputs[i].values == expected.outputs[i].values) << expected.outputs[i].name;
  };
  options.strips = 5;
  expect_same();

  options.strips = 0;
  std::uint64_t least = whole;
  try {
    for (options.bind.memory_limit = whole;; options.bind.memory_limit -= 1U << 17U)
      least = plan_frames(*network(), device, options).report.total_bytes();
  } catch (const MemoryError&) {
    options.bind.memory_limit = least;
  }
  EXPECT_LT(least, whole);
  expect_same();
}

// One set of weights on the device, though patches use some of them four times.
TEST(MotionEtr, PatchesShareTheirWeights) {
  const FrameOptions options = frame_options({PixelLayout::kRgb, 8, 16, 16, {}});
  const std::uint64_t bytes =
      plan_frames(*network(), test::device()->physical(), options).report.weight_bytes;
  EXPECT_LT(bytes, 4 * 6'554'000 * 11 / 10);
}

}  // namespace
}  // namespace unblur::vk
