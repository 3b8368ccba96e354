// SPDX-License-Identifier: MIT
// Lock-step on made-up plans whose errors are known, and the reports and files that a comparison leaves.
#include "layers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bundle.h"
#include "compare_html.h"
#include "compare_text.h"
#include "graph/error.h"
#include "saved.h"

namespace unblur {
namespace {

namespace fs = std::filesystem;

constexpr int kSize = 4;

/// in -> twice -> plus (+ 1) -> out (x 3), and a state that keeps "plus" of the frame before.
std::shared_ptr<const Model> chain() {
  auto model = std::make_shared<Model>();
  Graph& g = model->graph;
  const Value in = g.add("in", op::Input{.name = "frame"});
  const Value kept = g.add_state("kept", 3);
  const Value twice = g.add("twice", op::Affine{.scale = 2}, {in});
  const Value sum = g.add("sum", op::Binary{}, {twice, kept});
  const Value plus = g.add("plus", op::Affine{.shift = 1}, {sum});
  g.set_state("kept", plus, in, true);
  g.set_output("frame", g.add("out", op::Affine{.scale = 3}, {plus}));
  return model;
}

/// Computes the chain; "sum" and "plus" are one layer where `fused`. `wrong` is added to a layer's first
/// value.
class FakePlan final : public ObservedPlan {
 public:
  explicit FakePlan(std::shared_ptr<const Model> model, bool fused = false,
                    const std::string& wrong_layer = {}, float wrong = 0)
      : model_(std::move(model)), wrong_layer_(wrong_layer), wrong_(wrong) {
    sources_ = {node("in"), node("state.kept")};
    add("twice", {node("in")}, {node("twice")});
    if (fused) {
      add("plus", {node("twice"), node("state.kept")}, {node("sum"), node("plus")});
    } else {
      add("sum", {node("twice"), node("state.kept")}, {node("sum")});
      add("plus", {node("sum")}, {node("plus")});
    }
    add("out", {node("plus")}, {node("out")});
  }

  [[nodiscard]] std::span<const ObservedLayer> layers() const override { return layers_; }
  [[nodiscard]] std::span<const Value> sources() const override { return sources_; }
  void begin(const TensorMap& inputs, bool first) override {
    next_ = 0;
    values_[node("in").id] = inputs.at("frame");
    if (first) values_[node("state.kept").id] = Tensor(DType::kF32, {1, 3, kSize, kSize});
  }
  void step() override {
    std::vector<const Tensor*> operands;
    for (const Value v : layers_[next_].operands) operands.push_back(&values_.at(v.id));
    values_[layers_[next_].output.id] = run_on(next_, operands);
    ++next_;
  }
  Tensor read(Value v) override { return values_.at(v.id); }
  Tensor run_on(std::size_t index, std::span<const Tensor* const> operands) override {
    Tensor out = *operands[0];
    const std::string& name = layers_[index].name;
    for (std::size_t i = 0; i < out.f32().size(); ++i) {
      float& v = out.f32()[i];
      if (name == "twice") v *= 2;
      if (operands.size() > 1) v += operands[1]->f32()[i];
      if (name == "plus") v += 1;
      if (name == "out") v *= 3;
    }
    if (name == wrong_layer_) out.f32()[0] += wrong_;
    return out;
  }
  TensorMap finish() override {
    values_[node("state.kept").id] = values_.at(node("plus").id);
    return {{"frame", values_.at(node("out").id)}};
  }
  [[nodiscard]] std::uint64_t tensor_bytes() override { return 1000; }

 private:
  [[nodiscard]] Value node(const std::string& name) const {
    const auto nodes = model_->graph.nodes();
    return {static_cast<std::int32_t>(std::ranges::find(nodes, name, &Node::name) - nodes.begin())};
  }
  void add(const std::string& name, std::vector<Value> operands, const std::vector<Value>& covers) {
    layers_.push_back({.name = name,
                       .op = "affine",
                       .kernel = "fake",
                       .covers = covers,
                       .operands = std::move(operands),
                       .output = covers.back(),
                       .completes = {covers.back()}});
  }
  std::shared_ptr<const Model> model_;
  std::string wrong_layer_;
  float wrong_;
  std::vector<ObservedLayer> layers_;
  std::vector<Value> sources_;
  std::map<std::int32_t, Tensor> values_;
  std::size_t next_ = 0;
};

std::vector<Frame> some_frames(int count) {
  std::vector<Frame> frames(static_cast<std::size_t>(count), Frame({.width = kSize, .height = kSize}));
  for (std::size_t i = 0; i < frames[0].data.size(); ++i) {
    for (Frame& f : frames) f.data[i] = static_cast<std::byte>(5 * i);
  }
  return frames;
}

LayerReport compare_plans(ObservedPlan& a, ObservedPlan& b, int frames = 1, const LayerWatch& watch = {}) {
  return compare_layers(*chain(), some_frames(frames), static_cast<std::size_t>(frames), a, b, {}, watch);
}

TEST(Layers, EqualPlansAddNothing) {
  FakePlan a(chain()), b(chain());
  const LayerReport report = compare_plans(a, b, 3);
  ASSERT_EQ(report.layers.size(), 4U);
  for (const LayerDifference& d : report.layers) {
    EXPECT_TRUE(d.holds);
    EXPECT_EQ(d.total.largest, 0);
  }
  EXPECT_FALSE(report.first);
  EXPECT_EQ(report.frames, 3);
  EXPECT_EQ(report.outputs.at(2).outputs.at(0).largest, 0);
}

TEST(Layers, AddedAndInheritedStandApart) {
  FakePlan a(chain()), b(chain(), false, "sum", 0.5F);
  const LayerReport report = compare_plans(a, b);
  const auto layer = [&](std::size_t i) { return report.layers.at(i); };
  EXPECT_EQ(layer(0).total.largest, 0);
  EXPECT_NEAR(layer(1).added.largest, 0.5, 1e-6);
  EXPECT_EQ(layer(1).inherited.largest, 0);
  EXPECT_EQ(layer(2).added.largest, 0);
  EXPECT_NEAR(layer(2).inherited.largest, 0.5, 1e-6);
  EXPECT_NEAR(layer(3).inherited.largest, 1.5, 1e-6);
  ASSERT_TRUE(report.first);
  EXPECT_EQ(layer(*report.first).name, "sum");
  EXPECT_NEAR(report.outputs[0].outputs[0].largest, 1.5, 1e-6);
  EXPECT_NEAR(layer(1).map.values.at(0), 0.5, 1e-6);
  EXPECT_EQ(layer(1).map.values.at(1), 0);
}

TEST(Layers, ErrorsThatStatesCarryAreInherited) {
  FakePlan a(chain()), b(chain(), false, "plus", 1e-5F);  // below the bound of 1e-4 of the range
  const LayerReport report = compare_plans(a, b, 3);
  EXPECT_FALSE(report.first);
  EXPECT_NEAR(report.layers[1].inherited.largest, 2e-5, 4e-6);  // two frames before
  EXPECT_EQ(report.layers[1].added.largest, 0);
}

TEST(Layers, AFusedLayerIsFedWhatItsNodesRead) {
  FakePlan a(chain()), b(chain(), true);
  const LayerReport report = compare_plans(a, b, 2);
  ASSERT_EQ(report.layers.size(), 3U);
  EXPECT_EQ(report.layers[1].covers, (std::vector<std::string>{"sum", "plus"}));
  EXPECT_EQ(report.layers[1].total.largest, 0);
  // The other way round the reference has no "sum".
  EXPECT_THROW((void)compare_plans(b, a), UsageError);
}

TEST(Layers, ANumberThatIsNoneIsBeyondAnyBound) {
  FakePlan a(chain()), b(chain(), false, "out", std::numeric_limits<float>::quiet_NaN());
  const LayerReport report = compare_plans(a, b);
  ASSERT_TRUE(report.first);
  EXPECT_EQ(report.layers[*report.first].name, "out");
  EXPECT_TRUE(std::isinf(report.layers[*report.first].added.largest));
}

TEST(Layers, Bounds) {
  const auto judged = [](const char* op, double range, double largest, double mean, bool half) {
    const std::vector<BackendChoice> pair{parse_backend("torch"),
                                          parse_backend(half ? "vulkan+fp16" : "vulkan")};
    LayerDifference d{.op = op, .range = range};
    d.added = {largest, mean};
    LayerTolerance::of(pair).judge(d);
    return d.holds;
  };
  EXPECT_TRUE(judged("conv2d", 10, 9e-4, 0, false));
  EXPECT_FALSE(judged("conv2d", 10, 1.1e-3, 0, false));
  EXPECT_TRUE(judged("conv2d", 1e-3, 9e-7, 0, false));  // a small range: absolute
  EXPECT_FALSE(judged("conv2d", 1e-3, 1.1e-6, 0, false));
  EXPECT_FALSE(judged("pixel_volume", 10, 1.1e-6, 0, false));
  EXPECT_TRUE(judged("conv2d", 10, 0.19, 0, true));
  EXPECT_TRUE(judged("pixel_volume", 1, 0.9, 1e-3, true));
  EXPECT_FALSE(judged("pixel_volume", 1, 0.9, 3e-2, true));
}

TEST(Layers, FramesArePaddedByReplication) {
  auto model = std::make_shared<Model>(*chain());
  model->info.size_multiple = 8;
  const PlanSize size = plan_size(model->info, {.width = 4, .height = 9});
  EXPECT_EQ(size.width, 8);
  EXPECT_EQ(size.height, 16);
}

class ReportFiles : public testing::Test {
 protected:
  ReportFiles() {
    std::string pattern = testing::TempDir() + "layers-XXXXXX";
    folder = mkdtemp(pattern.data());
  }
  ~ReportFiles() override { fs::remove_all(folder); }
  /// What a comparison with a wrong layer leads to.
  static Comparison wrong_comparison() {
    FakePlan a(chain()), b(chain(), false, "sum", 0.5F);
    Comparison c{.model = "<chain>", .input = "clip & more", .width = kSize, .height = kSize};
    c.reference = {"torch:cpu", "LibTorch", "2.11"};
    c.examined.push_back({.backend = {"vulkan:0", "fake", "1"}, .tolerance = {}, .worst = {}});
    c.examined[0].layers = compare_plans(a, b, 2);
    c.examined[0].verdict = "layer 'sum' adds 0.5";
    return c;
  }
  std::string folder;
};

TEST_F(ReportFiles, TheWrongLayerStandsInEveryReport) {
  const Comparison c = wrong_comparison();
  const nlohmann::json json = comparison_json(c);
  const auto& examined = json.at("examined").at(0);
  EXPECT_EQ(examined.at("layers").at("first_beyond"), "sum");
  EXPECT_EQ(examined.at("ok"), false);
  EXPECT_EQ(examined.at("layers").at("layers").at(1).at("ok"), false);
  EXPECT_EQ(json.at("backends").size(), 2U);
  const std::string html = comparison_html(c);
  EXPECT_NE(html.find("<tr class=\"first\"><td class=\"l w\">sum"), std::string::npos);
  EXPECT_NE(html.find("data:image/png;base64,"), std::string::npos);
  EXPECT_NE(html.find("&lt;chain&gt;"), std::string::npos);
  EXPECT_EQ(html.find("<chain>"), std::string::npos);
  for (const char* outside : {"http:", "https:", "<script", "src=\"/", "@import"}) {
    const std::string without_namespace = [&] {
      std::string text = html;
      for (const std::string ns = "xmlns=\"http://www.w3.org/2000/svg\""; text.find(ns) != std::string::npos;)
        text.erase(text.find(ns), ns.size());
      return text;
    }();
    EXPECT_EQ(without_namespace.find(outside), std::string::npos) << outside;
  }
  EXPECT_NE(comparison_markdown(c).find("| **sum** |"), std::string::npos);
  EXPECT_NE(comparison_table(c).find("<- beyond"), std::string::npos);
  EXPECT_EQ(c.verdict(), "layer 'sum' adds 0.5");
}

TEST_F(ReportFiles, SavedNodesTakeTheReferencesPlace) {
  FakePlan a(chain()), b(chain());
  ResultSaver saver(folder + "/saved");
  LayerWatch watch;
  watch.value = [&](int frame, const std::string& node, const Tensor& value) {
    saver.add_node(frame, node, value);
  };
  (void)compare_plans(a, b, 2, watch);
  saver.finish();
  const auto content = std::make_shared<const SafeTensors>(read_safetensors(folder + "/saved"));
  EXPECT_EQ(content->tensors.size(), 12U);  // six nodes, two frames
  FakePlan right(chain()), wrong(chain(), true, "out", 0.5F);
  EXPECT_FALSE(compare_plans(*observe_saved(content, chain()), right, 2).first);
  const LayerReport report = compare_plans(*observe_saved(content, chain()), wrong, 2);
  ASSERT_TRUE(report.first);
  EXPECT_EQ(report.layers[*report.first].name, "out");
  EXPECT_THROW((void)compare_plans(*observe_saved(content, chain()), right, 3), InputError);
}

// What docs/compare.md promises anyone's own PyTorch code: [c,h,w] will do.
TEST_F(ReportFiles, SavedOutputsMayComeFromAnywhere) {
  auto content = std::make_shared<SafeTensors>();
  const std::vector<float> values{1, 2, 3, 4};
  content->tensors["frame.0.frame"] = Tensor::from_floats({1, 2, 2}, values);
  content->tensors["frame.1.frame"] = Tensor::from_floats({1, 1, 2, 2}, values).as(DType::kF16);
  content->tensors["frame.2.frame"] = Tensor::from_floats({4}, values);
  const auto run = run_saved(content, *chain());
  double ms = 1;
  for (const std::size_t frame : {0U, 1U}) {
    const auto outputs = run->run({}, frame, ms);
    ASSERT_EQ(outputs.size(), 1U);
    EXPECT_EQ(outputs[0].shape, (Shape{1, 2, 2}));
    EXPECT_EQ(outputs[0].values, values);
  }
  EXPECT_EQ(ms, 0);
  EXPECT_THROW((void)run->run({}, 2, ms), InputError);
  EXPECT_THROW((void)run->run({}, 3, ms), InputError);
  EXPECT_THROW((void)run_saved(std::make_shared<SafeTensors>(), *chain()), InputError);
}

TEST_F(ReportFiles, NpyIsWhatNumpyReads) {
  const std::vector<float> values{1, -2, 0.5F, 4, 5, 6};
  write_npy(folder + "/a.npy", values, {1, 2, 3});
  std::ostringstream text;
  text << std::ifstream(folder + "/a.npy", std::ios::binary).rdbuf();
  const std::string bytes = text.str();
  ASSERT_EQ(bytes.size(), 128U + 24U);  // a header of 128 bytes: a multiple of 64
  EXPECT_EQ(bytes.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  EXPECT_EQ(static_cast<unsigned char>(bytes[8]) + 256 * static_cast<unsigned char>(bytes[9]), 118);
  EXPECT_NE(bytes.find("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 3, ), }"),
            std::string::npos);
  EXPECT_EQ(bytes[127], '\n');
  std::vector<float> stored(values.size());
  std::memcpy(stored.data(), bytes.data() + 128, 24);
  EXPECT_EQ(stored, values);
}

TEST_F(ReportFiles, TheFirstOffenderIsStoredWhole) {
  FakePlan a(chain()), b(chain(), true, "plus", 0.5F);
  LayerWatch watch;
  int calls = 0;
  watch.offence = [&](const Offence& o) {
    ++calls;
    write_bundle(folder + "/first", *chain(), {kSize, kSize}, parse_backend("vulkan:0"), o);
  };
  (void)compare_plans(a, b, 3, watch);
  EXPECT_EQ(calls, 1);
  const SafeTensors layer = read_safetensors(folder + "/first/layer.safetensors");
  EXPECT_EQ(layer.metadata.at("layer"), "plus");
  EXPECT_EQ(layer.metadata.at("covers"), "sum\nplus");
  EXPECT_EQ(layer.metadata.at("operands"), "twice\nstate.kept");
  EXPECT_NEAR(element_error(layer.tensors.at("expected"), layer.tensors.at("got")).largest, 0.5, 1e-6);
  EXPECT_EQ(read_model(folder + "/first/model.safetensors").graph.nodes().size(), 6U);
  EXPECT_THROW((void)replay_bundle(folder), Error);  // no bundle there
}

}  // namespace
}  // namespace unblur
