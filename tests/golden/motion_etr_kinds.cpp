// SPDX-License-Identifier: MIT
// The kinds of trajectories and of the networks. Bounds are those of the cases' README.
#include "motion_etr_kinds.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "fill.h"
#include "graph/exposure.h"
#include "graph/op_registry.h"
#include "media/paper_metrics.h"
#include "networks/motion_etr.h"

namespace unblur::golden::motion_etr {
namespace {

constexpr double kBound = 1e-5, kOffsetBound = 5e-4, kPictureBound = 1e-4, kMetricBound = 1e-4;
constexpr int kTaps = 9;

int whole_number(const nlohmann::json& value, const std::string& what) {
  if (!value.is_number_integer()) throw CaseError(fmt::format("'{}' is no whole number", what));
  return value.get<int>();
}

std::string word(const nlohmann::json& value, const std::string& what) {
  if (!value.is_string()) throw CaseError(fmt::format("'{}' is no word", what));
  return value.get<std::string>();
}

op::PathForm form_of(const std::string& mode) {
  for (const op::PathForm form : {op::PathForm::kQuad, op::PathForm::kBilin, op::PathForm::kLin}) {
    if (enum_name(form) == mode) return form;
  }
  throw CaseError(fmt::format("unknown mode '{}'", mode));
}

Tensor row_of(const std::vector<float>& values) {
  return Tensor::from_floats({static_cast<std::int64_t>(values.size())}, values);
}
Tensor order_of(int points) {
  const std::vector<int> order = chronological_order(points);
  return row_of({order.begin(), order.end()});
}

/// The fixed ratio of a decoder, "...decoder_lv2.ratio_3".
Tensor ratio_of(const Case& c, const std::string& name) {
  const std::string marker = "decoder_lv";
  const std::size_t level = static_cast<std::size_t>(name.at(name.rfind(marker) + marker.size()) - '1');
  const nlohmann::json all = c.metadata("ratio_3");
  if (!all.is_array() || level >= all.size() || !all[level].is_number())
    throw CaseError("metadata 'ratio_3' is odd");
  return Tensor::from_floats({}, std::vector{all[level].get<float>()});
}

double gain_of(const Case& c, const std::string& name) {
  const bool joined = c.kind() == "motion_aware";
  const char* key = !joined                           ? "gain"
                    : name.starts_with("offset_net.") ? "gain_offset_net"
                                                      : "gain_deblur_net";
  const nlohmann::json gain = c.metadata(key);
  if (!gain.is_number()) throw CaseError(fmt::format("metadata '{}' is no number", key));
  return gain.get<double>();
}

}  // namespace

MotionEtrConfig config_of(const Case& c) {
  return {.mode = word(c.metadata("offset_mode"), "offset_mode"),
          .points = whole_number(c.metadata("n_offset"), "n_offset")};
}

Model filled(const Case& c, Graph graph, std::string_view own) {
  Model model{.graph = std::move(graph)};
  if (const char* file = std::getenv("UNBLUR_GOLDEN_MOTION_ETR"); file != nullptr) {
    model.parameters = read_model(file).parameters;
    model.check_parameters();
    return model;
  }
  const std::string prefix = word(c.metadata("fill_prefix"), "fill_prefix");
  for (const auto& [name, dims] : model.graph.parameters()) {
    model.parameters[name] = name.ends_with(".ratio_3")
                                 ? ratio_of(c, name)
                                 : fill(prefix + name.substr(own.size()), dims, gain_of(c, name));
  }
  return model;
}

void trajectory(Case& c, Backend* backend) {
  const nlohmann::json cases = c.metadata("cases");
  if (!cases.is_array()) throw CaseError("metadata 'cases' is no list");
  for (const nlohmann::json& one : cases) {
    const std::string prefix = word(one.value("prefix", nlohmann::json()), "prefix");
    const std::string mode = word(one.value("mode", nlohmann::json()), "mode");
    const int points = whole_number(one.value("n_offset", nlohmann::json()), "n_offset");
    const op::ExposurePath path{form_of(mode), points};
    c.compare(prefix + "offsets", run_operator(*backend, path, {c.input(prefix + "control")}), kBound);
    c.compare(prefix + "order", order_of(points), 0.5);
    c.compare(prefix + "time", row_of(stored_times(points)), kBound);
  }
}

void offset_net(Case& c, Backend* backend) {
  if (c.metadata("input_nc") != 3 || c.metadata("nf") != 16)
    throw CaseError("the offset network has 3 input channels and 16 at half resolution");
  Model model = filled(c, build_offset_network(config_of(c)));
  for (int i = 1; i <= 3; ++i) {
    expose(model, fmt::format("act.conv_{}", i), fmt::format("conv_{}.3.2", i));
    expose(model, fmt::format("act.bottleneck_{}", i), fmt::format("bottleneck_{}.conv2.act", i));
    expose(model, fmt::format("act.uconv_{}", i), fmt::format("uconv_{}", i));  // before their activation
  }
  for (const auto& [name, tensor] : run_batch(*backend, model, {{"frame", c.input("image")}}))
    c.compare(name, tensor, kOffsetBound);
}

void reblur(Case& c, Backend* backend) {
  const int points = whole_number(c.metadata("n_offset"), "n_offset");
  const Model model{.graph = build_reblur(points, true)};
  const TensorMap out =
      run_batch(*backend, model, {{"sharp", c.input("sharp")}, {"offsets", c.input("offsets")}});
  c.compare("reblurred", out.at("reblurred"), kBound);
  c.compare("order", order_of(points), 0.5);

  const Dims& d = out.at("reblurred").dims;
  std::vector<float> taps;
  const auto picture = static_cast<std::ptrdiff_t>(d[1] * d[2] * d[3]);
  for (std::ptrdiff_t n = 0; n < d[0]; ++n) {
    for (int point = 0; point < points; ++point) {
      const std::vector<float> all = out.at(fmt::format("tap_{}", point)).to_floats();
      taps.insert(taps.end(), all.begin() + n * picture, all.begin() + (n + 1) * picture);
    }
  }
  c.compare("taps", Tensor::from_floats({d[0], points, d[1], d[2], d[3]}, taps), kBound);
}

/// What the decoders hand to their deformable layers, and where these then sample.
void decoder_offsets(Case& c, Backend* backend) {
  const Tensor ratio = Tensor::from_floats({}, c.input("ratio").to_floats());
  const Tensor got =
      run_operator(*backend, op::MotionTaps{"ratio"}, {c.input("offsets")}, {{"ratio", ratio}});
  c.compare("dcn_offset", got, kBound);
  Tensor rows(DType::kF32, {got.dims[0], kTaps, got.dims[2], got.dims[3]}), columns = rows;
  const auto h = static_cast<std::size_t>(got.dims[2]), w = static_cast<std::size_t>(got.dims[3]);
  const std::vector<float> offset = got.to_floats();
  for (std::size_t i = 0; i < rows.f32().size(); ++i) {
    const std::size_t plane = i / (h * w), pixel = i % (h * w), n = plane / kTaps, k = plane % kTaps;
    const std::size_t at = (n * 2 * kTaps + 2 * k) * h * w + pixel;  // read as pairs
    const std::size_t row = pixel / w + k / 3;
    rows.f32()[i] = static_cast<float>(row) - 1 + offset[at];
    columns.f32()[i] = static_cast<float>(pixel % w + k % 3) - 1 + offset[at + h * w];
  }
  c.compare("sample_y", rows, kBound);
  c.compare("sample_x", columns, kBound);
}

void deblur_net(Case& c, Backend* backend) {
  Model model =
      filled(c, build_motion_deblur(whole_number(c.metadata("n_offset"), "n_offset")), "deblur_net.");
  const char* const patches[] = {"top_left", "top_right", "bottom_left", "bottom_right"};
  for (int i = 0; i < 4; ++i) {
    expose(model, fmt::format("feature_lv3_patch_{}", i + 1),
           fmt::format("deblur_net.encoder_lv3.layer11.{}", patches[i]));
  }
  for (const char* half : {"top", "bottom"}) {
    expose(model, fmt::format("residual_lv3_{}", half),
           fmt::format("deblur_net.decoder_lv3.layer24.{}", half));
  }
  for (const int level : {2, 1}) {
    expose(model, fmt::format("residual_lv{}", level), fmt::format("deblur_net.decoder_lv{}.layer24", level));
  }
  const TensorMap out =
      run_batch(*backend, model, {{"frame", c.input("image")}, {"offsets", c.input("offsets")}});
  for (const auto& [name, tensor] : out) c.compare(name == "frame" ? "output" : name, tensor, kPictureBound);
}

void motion_aware(Case& c, Backend* backend) {
  const Model model = filled(c, build_motion_aware(config_of(c)));
  const TensorMap out = run_batch(*backend, model, {{"frame", c.input("image")}});
  c.compare("output", out.at("frame"), kPictureBound);
  c.compare("control", out.at("control"), kOffsetBound);
  c.compare("offsets", out.at("offsets"), kOffsetBound);
#ifdef UNBLUR_GOLDEN_TRAINING
  if (backend->device().api.starts_with("LibTorch")) return motion_aware_gradients(c);
#endif
  for (const std::string& name : c.names()) {  // of the backward pass: LibTorch's to compare
    if (name == "sharp" || name == "loss" || name.starts_with("grad")) (void)c.input(name);
  }
}

void metrics(Case& c, Backend* /*backend*/) {
  const Tensor &a = c.input("a"), &b = c.input("b");
  const Dims& d = a.dims;  // row, column, channel
  if (d.size() != 3 || b.dims != d || d[2] != 3) throw CaseError("pictures must be [h, w, 3]");
  std::vector<float> x = a.to_floats(), y = b.to_floats();
  for (std::vector<float>* values : {&x, &y}) {
    for (float& v : *values) v /= 255.0F;
  }
  const auto quality = [&](double ssim_range) {
    return plain_quality(x, y, static_cast<int>(d[1]), static_cast<int>(d[0]), 3, ssim_range);
  };
  const auto number = [](double v) { return row_of({static_cast<float>(v)}); };
  const Quality plain = quality(1), wide = quality(2);
  // Their test program stores 8 bits before it compares: for pictures of 8 bits the same number.
  c.compare("psnr_metrics_script", number(plain.psnr), kMetricBound);
  c.compare("psnr_test_script", number(plain.psnr), kMetricBound);
  c.compare("ssim_metrics_script", number(wide.ssim), kMetricBound);
  c.compare("ssim_data_range_1", number(plain.ssim), kMetricBound);
}

}  // namespace unblur::golden::motion_etr
