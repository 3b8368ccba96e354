// SPDX-License-Identifier: MIT
// What the parts of Motion-ETR are built with. Internal to runtime/networks.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "networks/motion_etr.h"

namespace unblur::motion_etr {

/// Appends operators. Parameters are PREFIX + name; nodes too, plus SUFFIX where they share parameters.
struct Builder {
  Graph& graph;
  std::string prefix, suffix;

  [[nodiscard]] std::string node(const std::string& name) const { return prefix + name + suffix; }

  Value conv(const std::string& name, Value x, int out, int kernel, int stride, Margins pad,
             Border border = Border::kZero) const {
    return graph.add(node(name),
                     op::Conv2d{.weight = prefix + name + ".weight",
                                .bias = prefix + name + ".bias",
                                .out_channels = out,
                                .kernel = {kernel, kernel},
                                .stride = {stride, stride},
                                .pad = pad,
                                .border = border},
                     {x});
  }
  /// k4 s2 p1: twice the size.
  Value up(const std::string& name, Value x, int out) const {
    return graph.add(node(name),
                     op::ConvTranspose2d{.weight = prefix + name + ".weight",
                                         .bias = prefix + name + ".bias",
                                         .out_channels = out,
                                         .pad = Margins::all(1)},
                     {x});
  }
  Value deform_conv(const std::string& name, Value x, Value taps, int out) const {
    return graph.add(node(name),
                     op::DeformConv2d{.weight = prefix + name + ".weight",
                                      .bias = prefix + name + ".bias",
                                      .out_channels = out,
                                      .pad = Margins::all(1)},
                     {x, taps});
  }
  Value relu(const std::string& name, Value x) const {
    return graph.add(node(name), op::Unary{op::UnaryKind::kRelu}, {x});
  }
  Value leaky(const std::string& name, Value x) const {
    return graph.add(node(name), op::Unary{op::UnaryKind::kLeakyRelu, 0.2F}, {x});
  }
  Value add(const std::string& name, Value a, Value b) const {
    return graph.add(node(name), op::Binary{op::BinaryKind::kAdd}, {a, b});
  }
  Value concat(const std::string& name, std::vector<Value> parts) const {
    return graph.add(node(name), op::Concat{}, std::move(parts));
  }
};

/// Control offsets and their expansion.
struct Trajectories {
  Value control, offsets;
};
[[nodiscard]] Trajectories build_trajectories(const Builder& b, const MotionEtrConfig& config, Value frame);
/// The deblurred picture. `b.prefix` is that of both halves' parameters.
[[nodiscard]] Value build_deblurred(const Builder& b, Value frame, Value offsets);

}  // namespace unblur::motion_etr
