// SPDX-License-Identifier: MIT
// Every convolution kernel against a double-precision loop, on whatever device VK_DRIVER_FILES offers. A
// kernel that the device cannot run is skipped aloud.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "convolution_cases.h"
#include "fixture.h"
#include "graph/error.h"
#include "vulkan/single_op.h"

namespace unblur::vk::test {
namespace {

struct Outcome {
  double worst = 0;      ///< largest error over its tolerance
  bool applies = false;  ///< the kernel takes this case
};

Outcome run_case(const ConvolutionCase& c, const std::string& kernel_name, Storage storage,
                 int row_step = 0) {
  PreparedCase p;
  prepare(c, storage, p);
  Kernel kernel;
  try {
    kernel = make_kernel(p.step, device()->caps(), kernel_name);
  } catch (const ModelError& e) {
    if (std::string(e.what()).find("cannot compute") == std::string::npos) throw;
    return {};
  }
  const SingleOpResult result =
      run_kernel(device(), pipelines(), p.step, kernel, p.inputs, {row_step, 1, false});
  EXPECT_TRUE(result.padding_is_zero) << c.name;
  EXPECT_TRUE(result.outside_untouched) << c.name;
  Outcome outcome;
  outcome.applies = true;
  for (std::size_t i = 0; i < p.expected.size(); ++i) {
    // fp32: rounding of a sum of that size. fp16: one rounding at the store.
    double tolerance = 1e-6 * p.scale;
    if (storage != Storage::kF32) tolerance += std::abs(p.expected[i]) / 1024;
    const double error = std::abs(static_cast<double>(result.values[i]) - p.expected[i]) / tolerance;
    if (!(error <= outcome.worst)) outcome.worst = error;  // NaN counts as an error
    if (!(error <= 1)) {
      ADD_FAILURE() << fmt::format("{} {}: element {} is {}, expected {}", kernel_name, c.name, i,
                                   result.values[i], p.expected[i]);
      break;
    }
  }
  if (row_step > 0) {
    const SingleOpResult whole = run_kernel(device(), pipelines(), p.step, kernel, p.inputs, {});
    EXPECT_EQ(whole.values, result.values) << c.name << ": rows in steps of " << row_step;
  }
  return outcome;
}

class Convolution : public testing::TestWithParam<const char*> {};

void run_all(const std::string& kernel, Storage storage, const std::set<std::string>& only = {}) {
  int ran = 0;
  for (const ConvolutionCase& c : convolution_cases()) {
    if (!only.empty() && !only.contains(c.name)) continue;
    if (run_case(c, kernel, storage).applies) ++ran;
  }
  fmt::print("{} ran {} cases on {}\n", kernel, ran, device()->physical().info.name);
  if (ran == 0) GTEST_SKIP() << kernel << " cannot run on " << device()->physical().info.name;
}

/// Each case costs a compilation. The kernel that a device takes by itself gets every case; the others get
/// those that reach their own code, and storage buffers one of each kind: only how memory is reached differs.
std::set<std::string> fp32_cases(const std::string& kernel) {
  if (device()->storage_buffers()) return {"everything", "shuffle2", "up4s2", "depthwise"};
  if (kernel == "conv_small") {
    return {"in1",    "in3",     "in9",     "out2",       "out9",     "k1",
            "uneven", "reflect", "groups2", "everything", "shuffle2", "up4s2"};
  }
  if (kernel == "conv_direct") {
    return {"in5",        "out9",       "pixel",    "s2d3", "uneven", "reflect",   "groups_odd",
            "multiplier", "everything", "shuffle3", "view", "up5s3",  "up_groups", "up_dilated"};
  }
  const bool runs_registers = device()->caps().cpu_device && device()->caps().subgroup_size >= 8;
  if (kernel == "conv_tile" && runs_registers) {
    return {"in5",     "tile",       "k1s2",     "uneven", "reflect",
            "groups2", "everything", "shuffle2", "up4s2",  "up5s3"};
  }
  return {};
}

std::set<std::string> half_cases() {
  if (device()->storage_buffers()) return {"everything", "depthwise"};
  return {"in5",        "out9",     "tile", "s2",    "groups2",     "depthwise",
          "everything", "shuffle2", "view", "up4s2", "up_depthwise"};
}

TEST_P(Convolution, Fp32MatchesTheLoop) { run_all(GetParam(), Storage::kF32, fp32_cases(GetParam())); }

TEST_P(Convolution, PackedFp16MatchesTheLoop) { run_all(GetParam(), Storage::kF16Packed, half_cases()); }

TEST_P(Convolution, RowRangesGiveTheSameBits) {
  bool ran = false;
  for (const ConvolutionCase& c : convolution_cases()) {
    if (c.name == "tile" || c.name == "s2" || c.name == "shuffle2" || c.name == "up4s2" ||
        c.name == "up5s3" || c.name == "depthwise") {
      ran = run_case(c, GetParam(), Storage::kF32, 3).applies || ran;
    }
  }
  if (!ran) GTEST_SKIP() << GetParam() << " cannot run on " << device()->physical().info.name;
}

INSTANTIATE_TEST_SUITE_P(Kernels, Convolution,
                         testing::Values("conv_reg", "conv_tile", "conv_cm", "conv_small", "conv_dw",
                                         "conv_direct"),
                         [](const auto& kernel) { return std::string(kernel.param); });

TEST(ConvolutionSelection, UnknownKernelIsRefusedByName) {
  PreparedCase p;
  prepare(convolution_cases().front(), Storage::kF32, p);
  EXPECT_THROW((void)make_kernel(p.step, device()->caps(), "conv_magic"), ModelError);
}

TEST(ConvolutionSelection, EveryCaseHasAKernelAndAReason) {
  for (const ConvolutionCase& c : convolution_cases()) {
    PreparedCase p;
    prepare(c, Storage::kF32, p);
    EXPECT_FALSE(make_kernel(p.step, device()->caps()).reason.empty()) << c.name;
  }
}

}  // namespace
}  // namespace unblur::vk::test
