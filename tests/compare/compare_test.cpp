// SPDX-License-Identifier: MIT
// The comparison as a library, on two made-up backends whose results are known.
#include "comparison.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "graph/error.h"

namespace unblur {
namespace {

/// Output "frame" = 0.5, plus `error` in the first value, plus 0.001 per frame since the last reset; records
/// the windows that it was given by their first byte, and what it was bound with.
class FakeSession final : public Session {
 public:
  FakeSession(float error, std::vector<std::vector<int>>* windows) : error_(error), windows_(windows) {}
  void reset() override {}
  void submit(std::span<const Frame* const> window) override {
    std::vector<int> seen;
    for (const Frame* f : window) seen.push_back(std::to_integer<int>(f->data.at(0)));
    windows_->push_back(seen);
  }
  Result receive() override {
    Result result;
    NamedOutput out{"frame", {3, 2, 2}, std::vector<float>(12, 0.5F + 0.001F * static_cast<float>(count_++))};
    out.values[0] += error_;
    result.outputs = {out};
    return result;
  }
  [[nodiscard]] int in_flight() const override { return 0; }
  [[nodiscard]] int max_in_flight() const override { return 1; }
  [[nodiscard]] int min_offset() const override { return -1; }
  [[nodiscard]] int max_offset() const override { return 1; }
  [[nodiscard]] const PlanReport& report() const override { return report_; }

 private:
  float error_;
  int count_ = 0;
  std::vector<std::vector<int>>* windows_;
  PlanReport report_;
};

class FakeBackend final : public Backend {
 public:
  explicit FakeBackend(float error) : error_(error) {}
  [[nodiscard]] const DeviceInfo& device() const override { return info_; }
  std::unique_ptr<Session> bind(std::shared_ptr<const Model>, const BindOptions& options) override {
    bound.push_back(options);
    // What was left in memory shows where it is poisoned.
    return std::make_unique<FakeSession>(options.poison ? error_ + poison_error : error_, &windows);
  }
  PlanReport plan(const Model&, const BindOptions&) override { return {}; }
  TensorMap run_tensors(const Model&, const TensorMap&, TensorMap*, Precision) override { return {}; }
  std::vector<std::vector<int>> windows;
  std::vector<BindOptions> bound;
  float poison_error = 0;

 private:
  float error_;
  DeviceInfo info_;
};

std::shared_ptr<const Model> plain_model() {
  auto model = std::make_shared<Model>();
  model->graph.set_output("frame", model->graph.add("frame", op::Input{.name = "frame"}));
  return model;
}

std::vector<Frame> numbered_frames(int count) {
  std::vector<Frame> all(static_cast<std::size_t>(count), Frame({.width = 2, .height = 2}));
  for (int i = 0; i < count; ++i) all[static_cast<std::size_t>(i)].data[0] = static_cast<std::byte>(i);
  return all;
}

std::unique_ptr<FrameRun> run_of(FakeBackend& backend, bool poison = false) {
  return run_backend(backend, plain_model(), {.width = 2, .height = 2}, Precision::kFp32, poison);
}

std::vector<FrameDifference> compare(FakeBackend& first, FakeBackend& second, int frames, std::size_t count) {
  const auto a = run_of(first), b = run_of(second);
  FrameRun* const examined[] = {b.get()};
  return compare_frames(plain_model()->info, numbered_frames(frames), count, *a, examined).at(0);
}

TEST(Compare, MeasuresLargestMeanAndPsnr) {
  FakeBackend a(0), b(0.012F);
  const auto frames = compare(a, b, 1, 1);
  ASSERT_EQ(frames.size(), 1U);
  const OutputDifference& d = frames[0].outputs.at(0);
  EXPECT_NEAR(d.largest, 0.012, 1e-7);
  EXPECT_NEAR(d.mean, 0.001, 1e-8);
  EXPECT_NEAR(d.relative(), 0.024, 1e-6);
  EXPECT_NEAR(d.psnr_db, 10 * std::log10(12 / (0.012 * 0.012)), 1e-3);
  EXPECT_EQ(d.quantiles[0], 0);  // one value of twelve differs
  EXPECT_FALSE(d.ssim);          // too small for its window
}

TEST(Compare, EqualIsInfinitePsnr) {
  FakeBackend a(0), b(0);
  EXPECT_EQ(compare(a, b, 1, 1)[0].outputs.at(0).psnr_db, std::numeric_limits<double>::infinity());
}

TEST(Compare, ANumberThatIsNoneIsOutsideAnyTolerance) {
  FakeBackend a(0), b(std::numeric_limits<float>::quiet_NaN());
  const OutputDifference d = compare(a, b, 1, 1)[0].outputs.at(0);
  EXPECT_FALSE(Tolerance{.relative = 1e30}.holds(d));
  EXPECT_FALSE((Tolerance{.mean_abs = 1e30, .max_abs = 1e30}.holds(d)));
}

TEST(Compare, PsnrIsAskedForBesides) {
  FakeBackend a(0), b(0.012F);  // 49.2 dB
  const OutputDifference d = compare(a, b, 1, 1)[0].outputs.at(0);
  EXPECT_TRUE((Tolerance{.relative = 1, .min_psnr_db = 49.0}.holds(d)));
  EXPECT_FALSE((Tolerance{.relative = 1, .min_psnr_db = 49.5}.holds(d)));
}

TEST(Compare, QuantilesAndSsimOfPictures) {
  NamedOutput a{"frame", {3, 20, 50}, std::vector<float>(3000)}, b = a;
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    a.values[i] = 0.5F + 0.4F * static_cast<float>(std::sin(static_cast<double>(i)));
    b.values[i] = a.values[i] + static_cast<float>(i) * 1e-6F;
  }
  const OutputDifference d = output_difference(a, b, {});
  EXPECT_NEAR(d.quantiles[0], 1.5e-3, 1e-5);
  EXPECT_NEAR(d.quantiles[1], 2.7e-3, 1e-5);
  EXPECT_NEAR(d.quantiles[2], 2.97e-3, 1e-5);
  ASSERT_TRUE(d.ssim);
  EXPECT_GT(*d.ssim, 0.999);
  EXPECT_LT(*d.ssim, 1.0);
  EXPECT_EQ(output_difference(a, a, {}).ssim, 1.0);
}

TEST(Compare, RunsOnPoisonedMemoryMustGiveTheSameBits) {
  FakeBackend sound(0), careless(0);
  careless.poison_error = 1e-6F;
  const std::vector<Frame> frames = numbered_frames(2);
  for (auto* backend : {&sound, &careless}) {
    std::vector<std::uint64_t> prints;
    EXPECT_EQ(first_change(*run_of(*backend), frames, 2, prints), std::nullopt);
    EXPECT_EQ(prints.size(), 2U);
    const auto changed = first_change(*run_of(*backend, true), frames, 2, prints);
    EXPECT_EQ(changed.has_value(), backend == &careless);
  }
  EXPECT_TRUE(sound.bound.back().poison);
}

TEST(Compare, WindowsRepeatTheNearestFrameAtTheEnds) {
  FakeBackend a(0), b(0);
  EXPECT_EQ(compare(a, b, 3, 3).size(), 3U);
  const std::vector<std::vector<int>> expected{{0, 0, 1}, {0, 1, 2}, {1, 2, 2}};
  EXPECT_EQ(a.windows, expected);
  EXPECT_EQ(b.windows, expected);
}

TEST(Compare, TakesTheFramesThereAre) {
  FakeBackend a(0), b(0);
  EXPECT_EQ(compare(a, b, 2, 30).size(), 2U);
  EXPECT_EQ(compare(a, b, 5, 2).size(), 2U);
}

TEST(Compare, BackendNames) {
  const BackendChoice c = parse_backend("torch:cuda:1+fp16");
  EXPECT_EQ(c.family, "torch");
  EXPECT_EQ(c.device, "cuda:1");
  EXPECT_EQ(c.precision, Precision::kFp16);
  EXPECT_EQ(parse_backend("vulkan:0").precision, Precision::kFp32);
  const BackendChoice all = parse_backend("vulkan:llvm+ssbo+conv2d=conv_tile:32x128+nofuse");
  EXPECT_EQ(all.device, "llvm");
  EXPECT_TRUE(all.storage_buffers);
  EXPECT_FALSE(all.fuse);
  EXPECT_EQ(all.kernels.at("conv2d"), "conv_tile:32x128");
  EXPECT_TRUE(parse_backend("torch:cuda+tf32").is_half());
  EXPECT_TRUE(parse_backend("torch:cpu+bf16").is_half());
  for (const char* wrong : {"vulkan:0+tf32", "torch:cpu+tf32", "torch:cpu+ssbo", "vulkan:0+bf16",
                            "vulkan:0+warp=fast", "torch:cpu+conv2d=conv_tile", "vulkan:0+"}) {
    EXPECT_THROW((void)parse_backend(wrong), UsageError) << wrong;
  }
  EXPECT_EQ(parse_backend("torch").device, "cpu");
  EXPECT_THROW((void)parse_backend("opencl:0"), UsageError);
  EXPECT_THROW((void)parse_backend("vulkan:0+fp8"), UsageError);
}

TEST(Compare, DefaultTolerances) {
  Model plain, volume;
  const Value f = volume.graph.add("frame", op::Input{.name = "frame"});
  const Value flow = volume.graph.add("flow", op::Slice{0, 2}, {f});
  (void)volume.graph.add("volume", op::PixelVolume{.radius = 1}, {f, f, flow});
  const std::vector<BackendChoice> full{parse_backend("torch:cpu"), parse_backend("vulkan:0")};
  const std::vector<BackendChoice> half{parse_backend("torch:cpu"), parse_backend("vulkan:0+fp16")};
  EXPECT_EQ(default_tolerance(plain, full).relative, 1e-4);
  EXPECT_EQ(default_tolerance(plain, half).relative, 2e-2);
  EXPECT_EQ(default_tolerance(volume, full).mean_abs, 1e-3);
  EXPECT_EQ(default_tolerance(volume, full).max_abs, 0.05);
  plain.info.card = {{"tolerance", "0.003"}, {"tolerance_fp16", "0.04"}};
  EXPECT_EQ(default_tolerance(plain, full).relative, 0.003);
  EXPECT_EQ(default_tolerance(plain, half).relative, 0.04);
  plain.info.card["tolerance"] = "nearly";
  EXPECT_THROW((void)default_tolerance(plain, full), ModelError);
}

}  // namespace
}  // namespace unblur
