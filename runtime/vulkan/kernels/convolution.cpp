// SPDX-License-Identifier: MIT
// Which kernel computes a convolution: decided once per layer at plan time, and said in Kernel::reason.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <array>
#include <cstdio>

#include "graph/error.h"
#include "vulkan/kernels/conv_kernels.h"
#include "vulkan/tuning.h"

namespace unblur::vk {
namespace {

struct Family {
  std::string_view name;
  std::optional<Kernel> (*make)(const ConvStep&);
};

constexpr std::array kFamilies = {
    Family{"conv_reg", make_conv_reg}, Family{"conv_tile", make_conv_tile},
    Family{"conv_cm", make_conv_cm},   Family{"conv_small", make_conv_small},
    Family{"conv_dw", make_conv_dw},   Family{"conv_direct", make_conv_direct},
};

std::string known_names() {
  std::string names;
  for (const Family& family : kFamilies) names += (names.empty() ? "" : ", ") + std::string(family.name);
  return names;
}

/// "conv_reg", "conv_tile:64x32" (block x pixels), "conv_reg:16x8x4" (and step).
Kernel forced_kernel(ConvStep& conv, const std::string& forced) {
  const std::string name = forced.substr(0, forced.find(':'));
  if (name.size() < forced.size()) {
    MatrixTile tile{0, 0, 0};
    if (std::sscanf(forced.c_str() + name.size(), ":%4dx%4dx%4d", &tile.block, &tile.pixels, &tile.step) <
        2) {
      throw ModelError(fmt::format("{}: '{}' is not kernel:BLOCKxPIXELS", conv.step.name, forced));
    }
    conv.tile = tile;
  }
  for (const Family& family : kFamilies) {
    if (family.name != name) continue;
    if (auto kernel = family.make(conv)) return *std::move(kernel);
    throw ModelError(
        fmt::format("{}: {} cannot compute this convolution on this device", conv.step.name, forced));
  }
  throw ModelError(
      fmt::format("{}: unknown convolution kernel '{}' (known: {})", conv.step.name, forced, known_names()));
}

/// A tuning file may be older than this program: what it asks for in vain is left to the rule.
std::optional<Kernel> tuned_kernel(ConvStep& conv) {
  if (!conv.caps.tuning) return std::nullopt;
  const std::string choice = conv.caps.tuning->find(layer_key(conv.step));
  if (choice.empty()) return std::nullopt;
  try {
    Kernel kernel = forced_kernel(conv, choice);
    kernel.reason = "tuned: " + kernel.reason;
    return kernel;
  } catch (const ModelError& e) {
    spdlog::warn("tuning of this device is out of date: {}", e.what());
    conv.tile.reset();
    return std::nullopt;
  }
}

}  // namespace

std::optional<Kernel> make_convolution(const Step& step, const Caps& caps, const std::string& forced) {
  if (!is_convolution(step.op)) return std::nullopt;
  ConvStep conv(step, caps);
  if (!forced.empty()) {
    Kernel kernel = forced_kernel(conv, forced);
    kernel.reason = "forced: " + kernel.reason;
    return kernel;
  }
  if (auto kernel = tuned_kernel(conv)) return kernel;
  // The first that applies, in the order of what measures or is expected fastest (docs/measurements/).
  if (auto kernel = make_conv_dw(conv)) return kernel;
  if (caps.cpu_device) {
    if (auto kernel = make_conv_reg(conv)) return kernel;
  }
  const bool few = conv.shape.in_per_group <= 4 || conv.shape.internal_per_group <= 4;
  if (few) {
    if (auto kernel = make_conv_small(conv)) return kernel;
  }
  if (conv.shape.in_per_group >= 16 && conv.shape.internal_per_group >= 16) {
    if (auto kernel = make_conv_cm(conv)) return kernel;
  }
  if (auto kernel = make_conv_tile(conv)) return kernel;
  return make_conv_direct(conv);
}

std::vector<std::string_view> convolution_kernels() {
  std::vector<std::string_view> names;
  for (const Family& family : kFamilies) names.push_back(family.name);
  return names;
}

}  // namespace unblur::vk
