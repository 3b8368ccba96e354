// SPDX-License-Identifier: MIT
// The kind "visualisation": pictures of motion as the authors' code draws them.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "drawing/authors.h"
#include "motion_etr_kinds.h"

namespace unblur::golden::motion_etr {
namespace {

constexpr double kExact = 0.5, kFlowLevels = 2;

Tensor as_picture(const std::vector<std::uint8_t>& rgb, std::int64_t height, std::int64_t width) {
  const std::vector<float> values(rgb.begin(), rgb.end());
  return Tensor::from_floats({height, width, 3}, values);
}

}  // namespace

void visualisation(Case& c, Backend* /*backend*/) {
  const Tensor& image = c.input("image");
  const Tensor& control = c.input("control");
  const nlohmann::json points = c.metadata("n_offset"), mode = c.metadata("offset_mode");
  const Dims& d = image.dims;
  if (!points.is_number_integer() || !mode.is_string()) throw CaseError("mode or number of points is odd");
  if (d.size() != 4 || d[0] != 1 || d[1] != 3 || control.dims.size() != 4 || control.dims[0] != 1)
    throw CaseError("one picture is [1, 3, h, w], its control [1, c, h, w]");
  const int height = static_cast<int>(d[2]), width = static_cast<int>(d[3]);
  const TrajectoryField field(
      {.mode = mode.get<std::string>(), .points = points.get<int>(), .directed = false},
      {static_cast<int>(control.dims[1]), height, width}, control.to_floats());

  const std::vector<AuthorsWindow> paths = authors_windows(field, AuthorsLine::kPath);
  std::vector<float> centres, vertices;
  for (const AuthorsWindow& window : paths) {
    centres.insert(centres.end(), {static_cast<float>(window.row), static_cast<float>(window.column)});
    for (const auto& v : window.vertices)
      vertices.insert(vertices.end(), {static_cast<float>(v[0]), static_cast<float>(v[1])});
  }
  const auto windows = static_cast<std::int64_t>(paths.size());
  c.compare("centres", Tensor::from_floats({windows, 2}, centres), kExact);
  c.compare("vertices_xy", Tensor::from_floats({windows, points.get<std::int64_t>(), 2}, vertices), kExact);

  const std::vector<float> rgb = image.to_floats();
  const auto compare_lines = [&](const char* name, AuthorsLine line) {
    if (!c.has(name)) return;  // the stale order exists for 15 points only
    c.compare(name,
              as_picture(authors_line_picture(rgb, width, height, authors_windows(field, line)), d[2], d[3]),
              kExact);
  };
  compare_lines("trajectory_picture", AuthorsLine::kPath);
  compare_lines("bilinear_picture", AuthorsLine::kBilinear);
  compare_lines("deblur_class_picture", AuthorsLine::kStale);
  c.compare("flow_picture", as_picture(authors_flow_picture(field), d[2], d[3]), kFlowLevels);
}

}  // namespace unblur::golden::motion_etr
