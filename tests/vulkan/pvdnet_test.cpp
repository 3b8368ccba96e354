// SPDX-License-Identifier: MIT
// PVDNet on the device, its slim size with the parameters of the golden cases: kept features against the
// plain graph, frames of any size against the plain graph on the padded picture, halves, strips, memory.
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

constexpr int kFrames = 3;

std::shared_ptr<Model> filled(const std::string& network, bool training) {
  auto model = std::make_shared<Model>(build_network(network, training));
  for (const auto& [name, dims] : model->graph.parameters()) {
    model->parameters[name] = fill_parameter(name, dims, name.starts_with("BIMNet.") ? 1.5 : 1.05);
  }
  return model;
}
/// One of each for all tests, so that pipelines are compiled once.
const std::shared_ptr<Model>& kept() {
  static const std::shared_ptr<Model> shared = filled("pvdnet-slim", false);
  return shared;
}
const std::shared_ptr<Model>& plain() {
  static const std::shared_ptr<Model> shared = filled("pvdnet-slim", true);
  return shared;
}

FrameFormat rgb(int width, int height) { return {PixelLayout::kRgb, 8, width, height, {}}; }

std::vector<Frame> clip(const FrameFormat& format) {
  std::vector<Frame> frames;
  for (int i = 0; i < kFrames; ++i) frames.push_back(test::make_frame(format, i));
  return frames;
}

int padded(int size) { return std::max(64, (size + 3) / 4 * 4); }

/// In [-1, 1], the last row and column repeated up to the size that the network takes.
Tensor picture(const Frame& frame) {
  const int h = frame.format.height, w = frame.format.width, rows = padded(h), columns = padded(w);
  const std::vector<float> values = frame_to_rgb(frame);
  Tensor out(DType::kF32, {1, 3, rows, columns});
  std::size_t at = 0;
  for (int c = 0; c < 3; ++c) {
    for (int y = 0; y < rows; ++y) {
      for (int x = 0; x < columns; ++x) {
        const auto from = static_cast<std::size_t>((c * h + std::min(y, h - 1)) * w + std::min(x, w - 1));
        out.f32()[at++] = values[from] * 2.0F - 1.0F;
      }
    }
  }
  return out;
}

/// Frame `i` of a clip and its neighbours, as section 7 of the reference has them: clamped at both ends.
TensorMap inputs_of(const std::vector<Frame>& frames, int i, bool with_previous) {
  const auto at = [&](int k) {
    return picture(frames[static_cast<std::size_t>(std::clamp(k, 0, kFrames - 1))]);
  };
  TensorMap inputs{{"frame", at(i)}, {"next", at(i + 1)}};
  if (with_previous) inputs["previous"] = at(i - 1);
  return inputs;
}

/// All frames through the plain graph, which keeps nothing but its own output.
std::vector<TensorMap> plain_run(const std::vector<Frame>& frames) {
  std::vector<TensorMap> results;
  TensorMap states;
  for (int i = 0; i < kFrames; ++i) {
    results.push_back(
        run_tensors(test::device(), test::pipelines(), *plain(), inputs_of(frames, i, true), &states, {}));
  }
  return results;
}

struct Difference {
  double largest = 0, mean = 0;
};
/// Of a cropped output from the tensor that it is the top-left part of.
Difference difference(const NamedOutput& got, const Tensor& all) {
  const Shape& s = got.shape;
  const std::vector<float> whole = all.to_floats();
  Difference d;
  for (std::size_t i = 0; i < got.values.size(); ++i) {
    const auto c = static_cast<std::int64_t>(i) / (std::int64_t{s.h} * s.w);
    const std::int64_t y = static_cast<std::int64_t>(i) / s.w % s.h, x = static_cast<std::int64_t>(i) % s.w;
    const auto at = static_cast<std::size_t>((c * all.dims[2] + y) * all.dims[3] + x);
    const double error = std::abs(double{got.values[i]} - double{whole[at]});
    if (std::isnan(error)) return {INFINITY, INFINITY};
    d.largest = std::max(d.largest, error);
    d.mean += error / static_cast<double>(got.values.size());
  }
  return d;
}

FrameOptions frame_options(const FrameFormat& format, Storage storage = Storage::kF32) {
  FrameOptions options;
  options.bind.format = format;
  options.bind.named_outputs = {"frame", "flow"};
  options.storage = storage;
  return options;
}

std::vector<Result> session_run(const std::vector<Frame>& frames, const FrameOptions& options) {
  VulkanSession session(test::device(), test::shared_pipelines(), kept(), options);
  EXPECT_EQ(session.min_offset(), 0);
  EXPECT_EQ(session.max_offset(), 1);
  std::vector<Result> results;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const Frame* window[] = {&frames[i], &frames[std::min(i + 1, frames.size() - 1)]};
    session.submit(window);
    results.push_back(session.receive());
  }
  return results;
}

TEST(Pvdnet, KeptFeaturesAreExactInFloat64) {
  const std::vector<Frame> frames = clip(rgb(64, 64));
  test::StateValues kept_states, plain_states;
  const auto loops = [&](const Model& model, int i, bool with_previous, test::StateValues& states) {
    std::map<std::string, ReferenceTensor> inputs;
    for (const auto& [name, tensor] : inputs_of(frames, i, with_previous)) {
      inputs[name] = ReferenceTensor(Shape{3, 64, 64}, tensor.f32());
    }
    return test::run_reference(model, inputs, states);
  };
  for (int i = 0; i < kFrames; ++i) {
    const auto a = loops(*kept(), i, false, kept_states), b = loops(*plain(), i, true, plain_states);
    for (const char* name : {"frame", "flow"}) EXPECT_EQ(a.at(name).values, b.at(name).values) << name << i;
  }
}

TEST(Pvdnet, KeptFeaturesGiveTheSameBitsOnTheDevice) {
  const std::vector<Frame> frames = clip(rgb(100, 76));  // BIMNet sees 96 x 64 of it
  const std::vector<TensorMap> truth = plain_run(frames);
  TensorMap states;
  for (int i = 0; i < kFrames; ++i) {
    const TensorMap got =
        run_tensors(test::device(), test::pipelines(), *kept(), inputs_of(frames, i, false), &states, {});
    for (const char* name : {"frame", "flow"}) {
      EXPECT_EQ(got.at(name).bytes, truth[static_cast<std::size_t>(i)].at(name).bytes) << name << i;
    }
  }
}

class AnySize : public testing::TestWithParam<std::pair<int, int>> {};
INSTANTIATE_TEST_SUITE_P(Pvdnet, AnySize, testing::Values(std::pair{70, 50}, std::pair{333, 241}));

TEST_P(AnySize, EqualsThePlainGraphOnThePaddedPicture) {
  const auto [width, height] = GetParam();
  const FrameFormat format = rgb(width, height);
  const std::vector<Frame> frames = clip(format);
  const std::vector<TensorMap> truth = plain_run(frames);
  const std::vector<Result> results = session_run(frames, frame_options(format));
  for (std::size_t i = 0; i < results.size(); ++i) {
    const NamedOutput &frame = results[i].outputs.at(0), &flow = results[i].outputs.at(1);
    EXPECT_EQ(frame.shape, (Shape{3, height, width}));
    EXPECT_EQ(flow.shape, (Shape{2, height, width}));  // px, for display
    const Difference d = difference(frame, truth[i].at("frame")), f = difference(flow, truth[i].at("flow"));
    EXPECT_LE(f.largest, 2e-3) << "frame " << i;
    EXPECT_LE(d.mean, 1e-3) << "frame " << i;
    EXPECT_LE(d.largest, 0.05) << "frame " << i;
    std::vector<float> restored;
    for (const float v : frame.values) restored.push_back((v + 1) / 2);
    const Frame expected = apply_correction(frames[i], frame_to_rgb(frames[i]), restored, 1.0F);
    ASSERT_EQ(results[i].frame.format, format);
    for (std::size_t k = 0; k < expected.data.size(); ++k) {
      ASSERT_LE(
          std::abs(std::to_integer<int>(expected.data[k]) - std::to_integer<int>(results[i].frame.data[k])),
          1);
    }
  }
}

TEST(Pvdnet, RowStripsGiveTheSameBits) {
  const FrameFormat format = rgb(70, 130);
  const std::vector<Frame> frames = clip(format);
  FrameOptions options = frame_options(format);
  const std::vector<Result> whole = session_run(frames, options);
  options.strips = 3;
  const std::vector<Result> cut = session_run(frames, options);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    EXPECT_TRUE(whole[i].frame.data == cut[i].frame.data) << i;
    for (const std::size_t k : {0U, 1U}) {
      EXPECT_TRUE(whole[i].outputs[k].values == cut[i].outputs[k].values) << i;
    }
  }
}

TEST(Pvdnet, AfterASceneCutNothingIsLeftOfThePast) {
  const FrameFormat format = rgb(70, 50);
  const std::vector<Frame> frames = clip(format);
  VulkanSession session(test::device(), test::shared_pipelines(), kept(), frame_options(format));
  const auto first = [&](const Frame& frame) {
    session.reset();
    const Frame* window[] = {&frame, &frame};
    session.submit(window);
    return session.receive().frame.data;
  };
  const auto fresh = first(frames[2]);
  EXPECT_FALSE(first(frames[0]) == fresh);
  EXPECT_TRUE(first(frames[2]) == fresh);
}

TEST(Pvdnet, HdFitsTwoGibibytes) {
  constexpr std::uint64_t kGiB = 1U << 30U;
  FrameOptions options = frame_options({PixelLayout::kYuv420, 8, 1280, 720, {}});
  const PhysicalDevice& device = test::device()->physical();
  for (const char* name : {"pvdnet", "pvdnet-large"}) {
    const auto model = filled(name, false);
    for (const Storage storage : {Storage::kF32, Storage::kF16Packed}) {
      options.storage = storage;
      options.bind.memory_limit = 2 * kGiB;
      const PlanReport report = plan_frames(*model, device, options).report;
      EXPECT_LE(report.total_bytes(), 2 * kGiB) << name;
      EXPECT_EQ(report.strips, 1) << name;
    }
    // Strips save little: the halo of two dozen layers at quarter resolution is most of the frame.
    options.storage = Storage::kF32;
    options.bind.memory_limit = kGiB / 2;
    EXPECT_THROW((void)plan_frames(*model, device, options), MemoryError) << name;
  }
}

}  // namespace
}  // namespace unblur::vk
