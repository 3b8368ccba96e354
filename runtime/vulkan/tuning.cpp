// SPDX-License-Identifier: MIT
#include "vulkan/tuning.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <bit>
#include <fstream>
#include <nlohmann/json.hpp>

#include "graph/error.h"
#include "graph/op_registry.h"
#include "vulkan/environment.h"

namespace unblur::vk {

std::string layer_key(const Step& step) {
  const TensorView& in = step.inputs.front();
  const TensorView& out = step.output;
  const auto pixels = static_cast<std::uint32_t>(out.h) * static_cast<std::uint32_t>(out.w);
  const Epilogue& e = step.epilogue;
  // `describe` names parameters of no interest here; the attributes are what counts.
  std::string attributes;
  if (const auto* c = std::get_if<op::Conv2d>(&step.op)) {
    attributes =
        fmt::format("conv2d k{}x{} s{}x{} d{}x{} g{} b{}", c->kernel.h, c->kernel.w, c->stride.h, c->stride.w,
                    c->dilation.h, c->dilation.w, c->groups, static_cast<int>(c->border));
  } else if (const auto* t = std::get_if<op::ConvTranspose2d>(&step.op)) {
    attributes = fmt::format("conv_transpose2d k{}x{} s{}x{} d{}x{} g{}", t->kernel.h, t->kernel.w,
                             t->stride.h, t->stride.w, t->dilation.h, t->dilation.w, t->groups);
  } else if (const auto* m = std::get_if<op::DeformConv2d>(&step.op)) {
    attributes = fmt::format("deform_conv2d k{}x{} s{}x{} d{}x{} g{} D{} masked{}", m->kernel.h, m->kernel.w,
                             m->stride.h, m->stride.w, m->dilation.h, m->dilation.w, m->groups,
                             m->deformable_groups, step.inputs.size() - (e.residual ? 1 : 0) > 2 ? 1 : 0);
  } else {
    attributes = std::string(op_name(step.op));
  }
  return fmt::format("{} {}->{} {} residual{} shuffle{} px2^{}", attributes, in.c,
                     out.c * e.shuffle * e.shuffle, in.storage == Storage::kF32 ? "fp32" : "fp16",
                     e.residual ? 1 : 0, e.shuffle, std::bit_width(pixels));
}

std::shared_ptr<const Tuning> Tuning::load(const std::filesystem::path& file, std::uint32_t driver_version) {
  auto tuning = std::make_shared<Tuning>();
  std::ifstream stream(file);
  if (file.empty() || !stream) return tuning;
  const nlohmann::json json = nlohmann::json::parse(stream, nullptr, false);
  const bool sound = json.is_object() && json.contains("driver_version") && json.contains("kernels") &&
                     json["driver_version"].is_number_unsigned() && json["kernels"].is_object();
  if (!sound) {
    spdlog::warn("{} is not a tuning file and is ignored", file.string());
    return tuning;
  }
  if (json["driver_version"].get<std::uint32_t>() != driver_version) {
    spdlog::info("{} was made with another driver version and is ignored; run `unblur tune` again",
                 file.string());
    return tuning;
  }
  for (const auto& [key, kernel] : json["kernels"].items()) {
    if (kernel.is_string()) tuning->set(key, kernel.get<std::string>());
  }
  return tuning;
}

void Tuning::save(const std::filesystem::path& file, std::uint32_t driver_version) const {
  std::error_code error;
  std::filesystem::create_directories(file.parent_path(), error);
  const std::filesystem::path part = file.string() + ".part";
  {
    std::ofstream stream(part);
    stream << nlohmann::json{{"driver_version", driver_version}, {"kernels", choices_}}.dump(1) << '\n';
    if (!stream.flush()) throw ProcessingError(fmt::format("{}: cannot be written", part.string()));
  }
  std::filesystem::rename(part, file, error);
  if (error) throw ProcessingError(fmt::format("{}: {}", file.string(), error.message()));
}

void Tuning::set(const std::string& key, const std::string& kernel) {
  if (kernel.empty()) {
    choices_.erase(key);
  } else {
    choices_[key] = kernel;
  }
}

std::string Tuning::find(const std::string& key) const {
  const auto found = choices_.find(key);
  return found == choices_.end() ? std::string() : found->second;
}

std::filesystem::path tuning_file(const std::string& device_uuid) {
  const std::filesystem::path folder = cache_folder();
  return folder.empty() ? folder : folder / fmt::format("tuning-{}.json", device_uuid);
}

}  // namespace unblur::vk
