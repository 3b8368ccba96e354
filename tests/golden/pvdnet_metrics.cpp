// SPDX-License-Identifier: MIT
// The kind "metrics": the aligned metric of the paper and the plain one of the test program.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "media/paper_metrics.h"
#include "pvdnet_kinds.h"

namespace unblur::golden::pvdnet {
namespace {

constexpr double kMetricBound = 1e-5, kFullPrecisionBound = 1e-6;

/// Largest difference of [n, 2] numbers from those that the metadata holds in full precision.
void compare_metadata(Case& c, const std::string& key, const std::vector<Quality>& got) {
  const nlohmann::json stored = c.metadata(key);
  if (!stored.is_array() || stored.size() != got.size())
    throw CaseError(fmt::format("metadata '{}' is odd", key));
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (!stored[i].is_array() || stored[i].size() != 2 || !stored[i][0].is_number() ||
        !stored[i][1].is_number()) {
      throw CaseError(fmt::format("metadata '{}' is odd", key));
    }
    c.compare_number(fmt::format("{}[{}].psnr", key, i), got[i].psnr, stored[i][0].get<double>(),
                     kFullPrecisionBound);
    c.compare_number(fmt::format("{}[{}].ssim", key, i), got[i].ssim, stored[i][1].get<double>(),
                     kFullPrecisionBound);
  }
}

Tensor as_tensor(const std::vector<Quality>& qualities, Dims dims) {
  std::vector<float> values;
  for (const Quality& q : qualities)
    values.insert(values.end(), {static_cast<float>(q.psnr), static_cast<float>(q.ssim)});
  return Tensor::from_floats(std::move(dims), values);
}

}  // namespace

void metrics(Case& c, Backend* /*backend*/) {
  const nlohmann::json border = c.config("crop_border");
  if (border != 16) throw CaseError("config 'crop_border' is not 16");
  const Tensor& truth = c.input("ground_truth_rgb8");
  const Tensor& result = c.input("result_rgb8");
  const Dims& d = truth.dims;  // video, frame, row, column, channel
  if (d.size() != 5 || result.dims != d || d[4] != 3)
    throw CaseError("pictures must be [video, frame, h, w, 3]");
  const int height = static_cast<int>(d[2]), width = static_cast<int>(d[3]);
  const auto size = static_cast<std::size_t>(3 * d[2] * d[3]);
  std::vector<Quality> aligned, plain;
  std::vector<float> shifts;
  Quality mean;
  for (std::size_t i = 0; i < static_cast<std::size_t>(d[0] * d[1]); ++i) {
    const auto* a = reinterpret_cast<const std::uint8_t*>(truth.bytes.data()) + i * size;
    const auto* b = reinterpret_cast<const std::uint8_t*>(result.bytes.data()) + i * size;
    const AlignedQuality q = aligned_quality({a, width, height}, {b, width, height});
    aligned.push_back(q.quality);
    shifts.insert(shifts.end(), {static_cast<float>(q.shift_rows), static_cast<float>(q.shift_columns)});
    std::vector<float> x(a, a + size), z(b, b + size);
    for (std::vector<float>* values : {&x, &z}) {
      for (float& v : *values) v /= 255.0F;
    }
    plain.push_back(plain_quality(x, z, width, height, 3));
    if (i % static_cast<std::size_t>(d[1]) != 0) {  // the first frame of a video does not count
      const auto counted = static_cast<double>(d[0] * (d[1] - 1));
      mean.psnr += q.quality.psnr / counted;
      mean.ssim += q.quality.ssim / counted;
    }
  }
  const Dims pairs{d[0], d[1], 2};
  c.compare("shift_rows_cols", Tensor::from_floats(pairs, shifts), 0.5);
  c.compare("aligned_psnr_ssim", as_tensor(aligned, pairs), kMetricBound);
  c.compare("plain_psnr_ssim", as_tensor(plain, pairs), kMetricBound);
  compare_metadata(c, "aligned_per_frame", aligned);
  compare_metadata(c, "plain_per_frame", plain);
  const nlohmann::json stored = c.metadata("aligned_mean_psnr_ssim");
  if (!stored.is_array() || stored.size() != 2) throw CaseError("metadata 'aligned_mean_psnr_ssim' is odd");
  c.compare_number("aligned_mean.psnr", mean.psnr, stored[0].get<double>(), kFullPrecisionBound);
  c.compare_number("aligned_mean.ssim", mean.ssim, stored[1].get<double>(), kFullPrecisionBound);
}

}  // namespace unblur::golden::pvdnet
