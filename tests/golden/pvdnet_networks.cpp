// SPDX-License-Identifier: MIT
// The kinds that run networks: BIMNet, both PVDNets, single steps and sequences.
#include "networks/pvdnet.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "fill.h"
#include "media/paper_metrics.h"
#include "networks/networks.h"
#include "pvdnet_kinds.h"

namespace unblur::golden::pvdnet {
namespace {

// Bounds of the cases' README.
constexpr double kNetworkBound = 2e-5, kGivenVolumeBound = 1e-6, kPixelShare = 0.01;
// Of a PSNR of some 17 dB and its SSIM, where frames may differ by kStepMean.
constexpr double kScoreBound = 0.03;

double number(const Case& c, const std::string& key) {
  const nlohmann::json value = c.metadata(key);
  if (!value.is_number()) throw CaseError(fmt::format("metadata '{}' is no number", key));
  return value.get<double>();
}

}  // namespace

/// The parameters of the cases, by formula; UNBLUR_GOLDEN_PVDNET names a model file that shall hold the same.
Model filled(const Case& c, Graph graph) {
  Model model{.graph = std::move(graph)};
  if (const char* file = std::getenv("UNBLUR_GOLDEN_PVDNET"); file != nullptr) {
    model.parameters = read_model(file).parameters;
    model.check_parameters();
    return model;
  }
  for (const auto& [name, dims] : model.graph.parameters()) {
    const char* gain = name.starts_with("BIMNet.") ? "gain_bimnet" : "gain_pvdnet";
    model.parameters[name] = fill(name, dims, number(c, gain));
  }
  return model;
}

namespace {

void compare_frames(Case& c, const std::string& name, const Tensor& got) {
  c.compare(name, got, kStepLargest);
  c.compare(name, got, kStepMean, Measure::kMean);
}

void network(Case& c, Backend* backend, const PvdnetConfig& config) {
  c.require("value_range", "[-1,1]");
  c.require("image concatenation", "current, previous, next");
  Model model = filled(c, build_pvdnet_trunk(config));
  const std::pair<std::string, std::string> features[] = {
      {"d1", "d1.2"},
      {"temp", "temp.2.act"},
      {"blocks_out", fmt::format("RBs.{}", config.blocks - 1)},
      {"RB_end", "RB_end.0.act"},
      {"dconv1", "dconv1"}};
  for (const auto& [name, node] : features) expose(model, "feature." + name, "PVDNet." + node);
  const TensorMap out = run_batch(*backend, model,
                                  {{"volume", c.input("pixel_volume")},
                                   {"previous", c.input("previous")},
                                   {"frame", c.input("current")},
                                   {"next", c.input("next")}});
  for (const auto& [name, tensor] : out) c.compare(name == "frame" ? "output" : name, tensor, kNetworkBound);
}

void step(Case& c, Backend* backend, const PvdnetConfig& config) {
  c.require("value_range", "[-1,1]");
  Model model = filled(c, build_pvdnet(config));
  // With the stored flow there is no slack: volume and network are held to their own bounds.
  if (c.has("pixel_volume")) {
    const op::PixelVolume volume{.radius = 2, .outside = 0.0F};
    c.compare(
        "pixel_volume",
        run_operator(*backend, volume, {c.input("previous_deblurred"), c.input("current"), c.input("flow")}),
        kGivenVolumeBound);
    const TensorMap trunk = run_batch(*backend, filled(c, build_pvdnet_trunk(config)),
                                      {{"volume", c.input("pixel_volume")},
                                       {"previous", c.input("previous")},
                                       {"frame", c.input("current")},
                                       {"next", c.input("next")}});
    c.compare("result", trunk.at("frame"), kNetworkBound);
  }
  TensorMap states{{"restored", c.input("previous_deblurred")}};
  const TensorMap out = backend->run_tensors(
      model, {{"previous", c.input("previous")}, {"frame", c.input("current")}, {"next", c.input("next")}},
      &states, Precision::kFp32);
  c.compare("flow", out.at("flow"), kFlowBound);
  compare_frames(c, "result", out.at("frame"));
}

/// Frame `index` of [n, h, w, 3] bytes as [1, 3, h', w'] in [-1, 1], cropped to multiples of 4.
Tensor picture(const Tensor& bytes, std::int64_t index) {
  const std::int64_t rows = bytes.dims.at(1), columns = bytes.dims.at(2);
  const std::int64_t h = rows / 4 * 4, w = columns / 4 * 4;
  Tensor out(DType::kF32, {1, 3, h, w});
  const std::span<float> values = out.f32();
  for (std::int64_t y = 0; y < h; ++y) {
    for (std::int64_t x = 0; x < w; ++x) {
      for (std::int64_t ch = 0; ch < 3; ++ch) {
        const auto at = static_cast<std::size_t>(((index * rows + y) * columns + x) * 3 + ch);
        const auto v = std::to_integer<int>(bytes.bytes[at]);
        values[static_cast<std::size_t>((ch * h + y) * w + x)] = static_cast<float>(v) / 255.0F * 2.0F - 1.0F;
      }
    }
  }
  return out;
}

/// [n, 3, h, w] in [-1, 1] as the test program stores it: [n, h, w, 3] bytes.
Tensor stored_bytes(const Tensor& frames) {
  const std::int64_t n = frames.dims[0], h = frames.dims[2], w = frames.dims[3];
  Tensor out(DType::kU8, {n, h, w, 3});
  const std::span<const float> values = frames.f32();
  for (std::size_t i = 0; i < out.bytes.size(); ++i) {
    const std::size_t ch = i % 3, pixel = i / 3 % static_cast<std::size_t>(h * w),
                      frame = i / 3 / static_cast<std::size_t>(h * w);
    const float unit = (values[(frame * 3 + ch) * static_cast<std::size_t>(h * w) + pixel] + 1) / 2;
    out.bytes[i] = static_cast<std::byte>(std::clamp(unit * 255.0F + 0.5F, 0.0F, 255.0F));
  }
  return out;
}

void append(Tensor& all, const Tensor& frame) {
  if (all.dims.empty()) all = Tensor(DType::kF32, {0, frame.dims[1], frame.dims[2], frame.dims[3]});
  ++all.dims[0];
  all.bytes.insert(all.bytes.end(), frame.bytes.begin(), frame.bytes.end());
}

/// PSNR and SSIM of each frame, not clamped, as the test program prints them: [n, 2].
Tensor scores(const Tensor& frames, const Tensor& truth) {
  const std::int64_t n = frames.dims[0], h = frames.dims[2], w = frames.dims[3];
  const auto area = static_cast<std::size_t>(h * w), size = 3 * area;
  std::vector<float> planar = frames.to_floats(), out;
  for (float& v : planar) v = (v + 1) / 2;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::vector<float> t = picture(truth, i).to_floats();
    std::vector<float> a(size), b(size);
    for (std::size_t k = 0; k < size; ++k) {
      a[k] = (t[k % 3 * area + k / 3] + 1) / 2;
      b[k] = planar[static_cast<std::size_t>(i) * size + k % 3 * area + k / 3];
    }
    const Quality q = plain_quality(a, b, static_cast<int>(w), static_cast<int>(h), 3);
    out.push_back(static_cast<float>(q.psnr));
    out.push_back(static_cast<float>(q.ssim));
  }
  return Tensor::from_floats({n, 2}, out);
}

/// The whole clip, frame after frame, recurrence included.
void run_sequence(Case& c, Backend* backend, const PvdnetConfig& config) {
  const Model model = filled(c, build_pvdnet(config));
  const Tensor& bytes = c.input("frames_rgb8");
  const std::int64_t count = bytes.dims.at(0);
  Tensor flow, result;
  TensorMap states;
  for (std::int64_t i = 0; i < count; ++i) {
    TensorMap inputs{{"frame", picture(bytes, i)}, {"next", picture(bytes, std::min(i + 1, count - 1))}};
    if (!config.keep_features) inputs["previous"] = picture(bytes, std::max<std::int64_t>(i - 1, 0));
    const TensorMap out = backend->run_tensors(model, inputs, &states, Precision::kFp32);
    append(flow, out.at("flow"));
    append(result, out.at("frame"));
  }
  c.compare("flow", flow, kFlowBound);
  compare_frames(c, "result", result);
  if (c.has("psnr_ssim")) c.compare("psnr_ssim", scores(result, c.input("gt_rgb8")), kScoreBound);
  c.compare("result_rgb8", stored_bytes(result), kPixelShare, Measure::kShareAboveOne);
}

void sequence(Case& c, Backend* backend, PvdnetConfig config) {
  c.require("crop", "top-left, to multiples of 4");
  c.require("value_range", "[-1,1]");
  run_sequence(c, backend, config);
  config.keep_features = true;
  run_sequence(c, backend, config);
  if (c.has("gt_rgb8")) (void)c.input("gt_rgb8");  // of use for the scores only
}

}  // namespace

void bimnet(Case& c, Backend* backend) {
  c.require("input_range", "[0,1]");
  c.require("stage_flow_unit", "network units, times 20 = full-resolution pixels");
  Model model = filled(c, build_bimnet(pvdnet_config()));
  const char* const features[] = {"Two.4", "Thr.2", "Fou.2", "Fiv.0", "Six.0"};
  for (int level = 2; level <= 6; ++level) {
    for (const char* stage : {"subpixel", "regularization"}) {
      const std::string name = fmt::format("{}.level{}", stage, level);
      expose(model, name, "BIMNet." + name);
    }
    // At the coarsest level there is no flow to add: the last layer is the result.
    expose(
        model, fmt::format("matching.level{}", level),
        level == 6 ? "BIMNet.moduleMatching.4.moduleMain.6" : fmt::format("BIMNet.matching.level{}", level));
    expose(model, fmt::format("images.first.level{}", level),
           fmt::format("BIMNet.images.first.level{}", level));
    expose(model, fmt::format("features.first.level{}", level),
           fmt::format("BIMNet.moduleFeatures.module{}.first.act", features[level - 2]));
  }
  model.graph.set_output("flow_upsampled", model.graph.add("upsampled", op::Resize{.numerator = 2},
                                                           {model.graph.output("flow")}));
  const TensorMap out =
      run_batch(*backend, model, {{"first", c.input("first")}, {"second", c.input("second")}});
  constexpr double kUnit = 20;  // stages are in units of 20 px
  for (const auto& [name, tensor] : out) {
    c.compare(name, tensor, name.starts_with("flow") ? kFlowBound : kFlowBound / kUnit);
  }
}

void pvdnet(Case& c, Backend* backend) { network(c, backend, pvdnet_config()); }
void pvdnet_large(Case& c, Backend* backend) { network(c, backend, pvdnet_large_config()); }
void deblur_step(Case& c, Backend* backend) { step(c, backend, pvdnet_config()); }
void deblur_step_large(Case& c, Backend* backend) { step(c, backend, pvdnet_large_config()); }
void deblur_sequence(Case& c, Backend* backend) { sequence(c, backend, pvdnet_config()); }
void deblur_sequence_large(Case& c, Backend* backend) { sequence(c, backend, pvdnet_large_config()); }

}  // namespace unblur::golden::pvdnet
