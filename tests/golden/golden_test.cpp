// SPDX-License-Identifier: MIT
// The runner itself: what it must refuse. The executor here is the float64 loop.
#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>

#include "golden.h"
#include "graph/error.h"
#include "graph/reference.h"

namespace unblur::golden {
namespace {

/// One-node graphs on the float64 loops.
class LoopBackend final : public Backend {
 public:
  double error = 0;  ///< added to every value
  [[nodiscard]] const DeviceInfo& device() const override { return info_; }
  std::unique_ptr<Session> bind(std::shared_ptr<const Model>, const BindOptions&) override { return nullptr; }
  PlanReport plan(const Model&, const BindOptions&) override { return {}; }
  TensorMap run_tensors(const Model& model, const TensorMap& inputs, TensorMap*, Precision) override {
    const Node& node = model.graph.node(model.graph.output("out"));
    std::vector<ReferenceTensor> operands;
    for (const Value v : node.inputs) {
      const Tensor& t = inputs.at(model.graph.node(v).name);
      operands.emplace_back(
          Shape{static_cast<int>(t.dims[1]), static_cast<int>(t.dims[2]), static_cast<int>(t.dims[3])},
          t.f32());
    }
    const ReferenceTensor out = evaluate_reference(node.op, operands);
    std::vector<float> values;
    for (const double v : out.values) values.push_back(static_cast<float>(v + error));
    return {{"out", Tensor::from_floats({1, out.shape.c, out.shape.h, out.shape.w}, values)}};
  }

 private:
  DeviceInfo info_;
};

class GoldenRunner : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "golden-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    source_ = read_safetensors(std::string(UNBLUR_GOLDEN_COPIES) + "/pvdnet/warp.safetensors");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  int run(Runner runner = Runner::kTorch) {
    if (!source_.tensors.empty()) {
      std::filesystem::create_directories(folder_ / "deep");
      write_safetensors(folder_ / "deep" / "case.safetensors", source_);
    }
    std::ostringstream out;
    const int failures = run_golden({folder_}, runner, &backend_, out);
    text_ = out.str();
    return failures;
  }
  bool says(const std::string& what) const { return text_.find(what) != std::string::npos; }

  std::filesystem::path folder_;
  SafeTensors source_;
  LoopBackend backend_;
  std::string text_;
};

TEST_F(GoldenRunner, PassesATrueCase) {
  EXPECT_EQ(run(), 0) << text_;
  EXPECT_TRUE(says("1 passed, 0 failed")) << text_;
}
TEST_F(GoldenRunner, FailsOnAWrongValue) {
  backend_.error = 2e-5;
  EXPECT_EQ(run(), 1) << text_;
}
TEST_F(GoldenRunner, HoldsHalvesToTheirOwnBounds) {
  backend_.error = 2e-4;
  EXPECT_EQ(run(Runner::kVulkan), 1) << text_;
  EXPECT_EQ(run(Runner::kVulkanHalf), 0) << text_;
  backend_.error = 1e-3;  // as a mean too much
  EXPECT_EQ(run(Runner::kVulkanHalf), 1) << text_;
  EXPECT_THROW((void)half_bound("warp", "unheard-of"), CaseError);
}
TEST_F(GoldenRunner, FailsOnANumberThatIsNone) {
  backend_.error = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(run(), 1) << text_;
}
TEST_F(GoldenRunner, FailsOnAnUnknownKind) {
  source_.metadata["kind"] = "warped";
  EXPECT_EQ(run(), 1) << text_;
}
TEST_F(GoldenRunner, FailsOnAnUnknownTensor) {
  source_.tensors["extra"] = Tensor(DType::kF32, {1});
  EXPECT_EQ(run(), 1) << text_;
  EXPECT_TRUE(says("unknown tensors: extra")) << text_;
}
TEST_F(GoldenRunner, FailsWhereNothingIsCompared) {
  source_.tensors.erase("output");
  EXPECT_EQ(run(), 1) << text_;
}
TEST_F(GoldenRunner, FailsOnAConfigurationItDoesNotKnow) {
  source_.metadata["config"] = R"({"interpolation": "bicubic"})";
  EXPECT_EQ(run(), 1) << text_;
}
TEST_F(GoldenRunner, FailsOnAnEmptyRoot) {
  source_.tensors.clear();
  EXPECT_EQ(run(), 1) << text_;
}
TEST_F(GoldenRunner, NamesWhatItSkips) {
#ifndef UNBLUR_GOLDEN_TRAINING
  source_.metadata["kind"] = "training_updates";
  EXPECT_EQ(run(), 0) << text_;
  EXPECT_TRUE(says("skipped pvdnet/training_updates (not built yet): 1 files")) << text_;
#endif
  source_.metadata["system"] = "sbdd";
  EXPECT_EQ(run(), 0) << text_;
  EXPECT_TRUE(says("skipped sbdd (system not built yet): 1 files")) << text_;
}
TEST_F(GoldenRunner, KindsBelongToExecutors) {
  EXPECT_EQ(run(Runner::kCpu), 0) << text_;
  EXPECT_TRUE(says("0 passed, 0 failed")) << text_;
}

}  // namespace
}  // namespace unblur::golden
