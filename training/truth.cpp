// SPDX-License-Identifier: MIT
#include "truth.h"

#include <algorithm>
#include <cmath>

namespace unblur {
namespace {

std::size_t area(const ClipPlan& plan) {
  return static_cast<std::size_t>(plan.width) * static_cast<std::size_t>(plan.height);
}

// Where the surface `texel` lies in frame k of a rolling shutter: its row decides its time, so iterate. The
// readout moves a row by far less than a row's time apart, hence the quick convergence.
Point seen_in_frame(const ClipPlan& plan, const LayerPlan& layer, int frame, Point texel, Point guess) {
  Point p = guess;
  for (int i = 0; i < 12; ++i) {
    const Point next = map_point(inverse(layer.motion.at(plan.row_time(frame, p.y, 0))), texel);
    const bool done = std::abs(next.y - p.y) < 1e-4;
    p = next;
    if (done) break;
  }
  return p;
}

/// From the middle instant of frame k, in frame intervals, to point `point` of the exposure's paths.
double exposure_offset(const ClipPlan& plan, int frame, int point) {
  const int count = plan.trajectory_points;
  const double duty = plan.duty[static_cast<std::size_t>(frame)];
  return count > 1 ? duty * (static_cast<double>(point) / (count - 1) - 0.5) : 0.0;
}

/// For every layer in front of layer `behind`: where its texture lies at the points of the exposure, for the
/// surface of that layer seen at a pixel of row y at the middle instant.
std::vector<std::vector<Mat3>> maps_in_front(const ClipPlan& plan, int frame, int y, std::size_t behind) {
  const Mat3 middle = plan.layers[behind].motion.at(plan.row_time(frame, y, 0));
  std::vector<std::vector<Mat3>> maps;
  for (std::size_t front = behind + 1; front < plan.layers.size(); ++front) {
    maps.emplace_back();
    for (int n = 0; n < plan.trajectory_points; ++n) {
      const double time = plan.row_time(frame, y, exposure_offset(plan, frame, n));
      const Mat3 moved = multiply(inverse(plan.layers[behind].motion.at(time)), middle);
      maps.back().push_back(multiply(plan.layers[front].motion.at(time), moved));
    }
  }
  return maps;
}

}  // namespace

torch::Tensor flow_to_previous(const ClipPlan& plan, int frame, const torch::Tensor& labels) {
  torch::Tensor flow = torch::empty({2, plan.height, plan.width}, torch::kFloat32);
  float* dx = flow.data_ptr<float>();
  float* dy = dx + area(plan);
  const std::uint8_t* label = labels.data_ptr<std::uint8_t>();
  std::vector<Mat3> to_previous, to_texture(plan.layers.size());
  for (const LayerPlan& layer : plan.layers) {
    to_previous.push_back(multiply(inverse(layer.motion.at(plan.row_time(frame - 1, 0, 0))),
                                   layer.motion.at(plan.row_time(frame, 0, 0))));
  }
  for (int y = 0; y < plan.height; ++y) {
    for (std::size_t l = 0; plan.readout > 0 && l < plan.layers.size(); ++l) {
      to_texture[l] = plan.layers[l].motion.at(plan.row_time(frame, y, 0));
    }
    for (int x = 0; x < plan.width; ++x, ++label, ++dx, ++dy) {
      const Point p{static_cast<double>(x), static_cast<double>(y)};
      Point q;
      if (plan.readout > 0) {
        q = seen_in_frame(plan, plan.layers[*label], frame - 1, map_point(to_texture[*label], p), p);
      } else {
        q = map_point(to_previous[*label], p);
      }
      *dx = static_cast<float>(q.x - p.x);
      *dy = static_cast<float>(q.y - p.y);
    }
  }
  return flow;
}

torch::Tensor visible_in_previous(const torch::Tensor& flow, const Labels& current, const Labels& previous) {
  const auto height = flow.size(1), width = flow.size(2);
  torch::Tensor visible = torch::zeros({1, height, width}, torch::kFloat32);
  const float* dx = flow.data_ptr<float>();
  const float* dy = dx + height * width;
  float* out = visible.data_ptr<float>();
  const std::uint8_t* label = current.layer.data_ptr<std::uint8_t>();
  const std::uint8_t* mixed = current.mixed.data_ptr<std::uint8_t>();
  const std::uint8_t* old_label = previous.layer.data_ptr<std::uint8_t>();
  const std::uint8_t* old_mixed = previous.mixed.data_ptr<std::uint8_t>();
  for (std::int64_t y = 0, i = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x, ++i) {
      const float u = static_cast<float>(x) + dx[i], v = static_cast<float>(y) + dy[i];
      if (mixed[i] != 0 ||
          !(u >= 0 && v >= 0 && u <= static_cast<float>(width - 1) && v <= static_cast<float>(height - 1))) {
        continue;
      }
      // All four pixels that a bilinear gather reads must show the surface.
      const auto x0 = static_cast<std::int64_t>(u), y0 = static_cast<std::int64_t>(v);
      const auto x1 = std::min(x0 + 1, width - 1), y1 = std::min(y0 + 1, height - 1);
      bool same = true;
      for (const std::int64_t at : {y0 * width + x0, y0 * width + x1, y1 * width + x0, y1 * width + x1}) {
        same = same && old_label[at] == label[i] && old_mixed[at] == 0;
      }
      out[i] = same ? 1.0F : 0.0F;
    }
  }
  return visible;
}

torch::Tensor exposure_paths(const ClipPlan& plan, int frame, const torch::Tensor& labels, bool gather) {
  const int count = plan.trajectory_points;
  torch::Tensor paths = torch::empty({count, 2, plan.height, plan.width}, torch::kFloat32);
  for (int n = 0; n < count; ++n) {
    const double offset = exposure_offset(plan, frame, n);
    float* dx = paths.data_ptr<float>() + static_cast<std::size_t>(n) * 2 * area(plan);
    float* dy = dx + area(plan);
    const std::uint8_t* label = labels.data_ptr<std::uint8_t>();
    std::vector<Mat3> maps(plan.layers.size());
    for (int y = 0; y < plan.height; ++y) {
      for (std::size_t l = 0; l < plan.layers.size() && (y == 0 || plan.readout > 0); ++l) {
        const Mat3 middle = plan.layers[l].motion.at(plan.row_time(frame, y, 0));
        const Mat3 other = plan.layers[l].motion.at(plan.row_time(frame, y, offset));
        maps[l] = gather ? multiply(inverse(middle), other) : multiply(inverse(other), middle);
      }
      for (int x = 0; x < plan.width; ++x, ++label, ++dx, ++dy) {
        const Point q = map_point(maps[*label], {static_cast<double>(x), static_cast<double>(y)});
        *dx = static_cast<float>(q.x - x);
        *dy = static_cast<float>(q.y - y);
      }
    }
  }
  return paths;
}

torch::Tensor shown_throughout(const ClipPlan& plan, int frame, const Labels& labels) {
  torch::Tensor shown = torch::ones({1, plan.height, plan.width}, torch::kFloat32);
  float* out = shown.data_ptr<float>();
  const std::uint8_t* label = labels.layer.data_ptr<std::uint8_t>();
  const std::uint8_t* mixed = labels.mixed.data_ptr<std::uint8_t>();
  std::vector<std::vector<std::vector<Mat3>>> maps(plan.layers.size());  // by layer behind, front, instant
  for (int y = 0; y < plan.height; ++y) {
    for (std::size_t l = 0; l < maps.size() && (y == 0 || plan.readout > 0); ++l)
      maps[l] = maps_in_front(plan, frame, y, l);
    for (int x = 0; x < plan.width; ++x, ++label, ++mixed, ++out) {
      const Point p{static_cast<double>(x), static_cast<double>(y)};
      bool hidden = *mixed != 0;
      for (std::size_t f = 0; f < maps[*label].size() && !hidden; ++f) {
        const LayerPlan& front = plan.layers[*label + 1 + f];
        hidden = std::ranges::any_of(maps[*label][f],
                                     [&](const Mat3& m) { return covers(front, map_point(m, p)); });
      }
      if (hidden) *out = 0.0F;
    }
  }
  return shown;
}

}  // namespace unblur
