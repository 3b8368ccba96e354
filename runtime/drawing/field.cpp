// SPDX-License-Identifier: MIT
#include "drawing/field.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "graph/error.h"

namespace unblur {

TrajectoryField::TrajectoryField(TrajectoryInfo info, const Shape& shape, std::vector<float> control)
    : info_(std::move(info)), width_(shape.w), height_(shape.h), control_(std::move(control)) {
  const int channels = info_.mode == "lin" ? 2 : 4;
  const auto count = static_cast<std::size_t>(shape.c) * static_cast<std::size_t>(shape.h) *
                     static_cast<std::size_t>(shape.w);
  if (shape.c != channels || control_.size() != count) {
    throw ModelError(fmt::format("output \"control\" is {}; mode '{}' wants {} channels", to_string(shape),
                                 info_.mode, channels));
  }
  if (!std::ranges::all_of(control_, [](float v) { return std::isfinite(v); }))
    throw ModelError("output \"control\" holds values that are not finite numbers");
  const std::vector<float> stored = stored_times(info_.points);
  for (const int n : chronological_order(info_.points)) {
    times_.push_back(stored[static_cast<std::size_t>(n)]);
    weights_.push_back(path_weights(info_.mode, times_.back()));
  }
}

Motion TrajectoryField::content(std::size_t i, const std::array<float, 2>& weights) const {
  const auto plane = static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_);
  const Offset start{control_[i], control_[plane + i]};
  Offset end{};
  if (control_.size() == 4 * plane) end = {control_[2 * plane + i], control_[3 * plane + i]};
  const Offset o = offset_at(weights, start, end);
  return {-o.dx, -o.dy};
}

Motion TrajectoryField::whole(int x, int y) const {
  const Motion first = at(x, y, 0), last = at(x, y, times_.size() - 1);
  return {last.dx - first.dx, last.dy - first.dy};
}

float TrajectoryField::length(int x, int y) const {
  const std::size_t i = index(x, y);
  Motion before = content(i, weights_.front());
  float sum = 0;
  for (std::size_t k = 1; k < weights_.size(); ++k) {
    const Motion now = content(i, weights_[k]);
    const float dx = now.dx - before.dx, dy = now.dy - before.dy;
    sum += std::sqrt(dx * dx + dy * dy);
    before = now;
  }
  return sum;
}

std::vector<float> gather_at(std::span<const float> sharp, const TrajectoryField& field, double t) {
  const int w = field.width(), h = field.height();
  const auto plane = static_cast<std::size_t>(w) * static_cast<std::size_t>(h);
  const std::array<float, 2> weights = path_weights(field.info().mode, t);
  std::vector<float> out(3 * plane, 0.0F);
  const auto inside = [&](int x, int y) { return x >= 0 && x < w && y >= 0 && y < h; };
  for (int y = 0; y < h; ++y) {
    for (int x = 0; x < w; ++x) {
      const Motion m = field.at(x, y, weights);
      const float px = static_cast<float>(x) - m.dx, py = static_cast<float>(y) - m.dy;
      if (!(px > -1 && px < static_cast<float>(w) && py > -1 && py < static_cast<float>(h))) continue;
      const float fx = std::floor(px), fy = std::floor(py);
      const int x0 = static_cast<int>(fx), y0 = static_cast<int>(fy);
      const float ax = px - fx, ay = py - fy;
      const float share[4] = {(1 - ax) * (1 - ay), ax * (1 - ay), (1 - ax) * ay, ax * ay};
      const auto to = static_cast<std::size_t>(y) * static_cast<std::size_t>(w) + static_cast<std::size_t>(x);
      for (int tap = 0; tap < 4; ++tap) {
        const int sx = x0 + tap % 2, sy = y0 + tap / 2;
        if (!inside(sx, sy)) continue;
        const auto from =
            static_cast<std::size_t>(sy) * static_cast<std::size_t>(w) + static_cast<std::size_t>(sx);
        for (std::size_t c = 0; c < 3; ++c) out[c * plane + to] += share[tap] * sharp[c * plane + from];
      }
    }
  }
  return out;
}

SafeTensors trajectory_numbers(const TrajectoryField& field) {
  const int w = field.width(), h = field.height();
  const auto count = static_cast<std::int64_t>(field.times().size());
  Tensor trajectory(DType::kF32, {count, 2, h, w});
  const std::span<float> values = trajectory.f32();
  auto at = values.begin();
  for (std::size_t k = 0; k < field.times().size(); ++k) {
    auto dx = at, dy = at + static_cast<std::ptrdiff_t>(w) * h;
    for (int y = 0; y < h; ++y) {
      for (int x = 0; x < w; ++x) {
        const Motion m = field.at(x, y, k);
        *dx++ = m.dx;
        *dy++ = m.dy;
      }
    }
    at = dy;
  }
  SafeTensors out;
  out.tensors["trajectory"] = std::move(trajectory);
  out.tensors["time"] = Tensor::from_floats({count}, field.times());
  const auto channels =
      static_cast<std::int64_t>(field.control().size()) / (static_cast<std::int64_t>(w) * h);
  out.tensors["control"] = Tensor::from_floats({1, channels, h, w}, field.control());
  out.metadata = {{"mode", field.info().mode},
                  {"points", std::to_string(field.info().points)},
                  {"directed", field.info().directed ? "true" : "false"}};
  return out;
}

std::vector<std::byte> flo_file(const TrajectoryField& field, std::size_t k) {
  const std::int32_t size[2] = {field.width(), field.height()};
  const auto pixels = static_cast<std::size_t>(size[0]) * static_cast<std::size_t>(size[1]);
  std::vector<std::byte> out(12 + 8 * pixels);
  std::memcpy(out.data(), "PIEH", 4);  // the bytes of 202021.25F
  std::memcpy(out.data() + 4, size, 8);
  std::byte* at = out.data() + 12;
  for (int y = 0; y < size[1]; ++y) {
    for (int x = 0; x < size[0]; ++x, at += 8) {
      const Motion m = field.at(x, y, k);
      const float pair[2] = {m.dx, m.dy};
      std::memcpy(at, pair, 8);
    }
  }
  return out;
}

}  // namespace unblur
