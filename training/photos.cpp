// SPDX-License-Identifier: MIT
#include "photos.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "graph/error.h"
#include "media/image_file.h"

namespace unblur {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> pictures_below(const fs::path& folder) {
  std::error_code error;
  if (fs::is_regular_file(folder, error)) return {folder};
  if (!fs::is_directory(folder, error)) throw InputError(folder.string() + ": no such folder of pictures");
  std::vector<fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && is_image_name(entry.path())) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string name_below(const fs::path& folder, const fs::path& path) {
  return path == folder ? path.filename().string() : path.lexically_relative(folder).generic_string();
}

bool is_excluded(const PhotoOptions& options, const std::string& relative, const std::string& file_name) {
  return std::any_of(options.exclude.begin(), options.exclude.end(), [&](const std::string& pattern) {
    return glob_matches(pattern, file_name) || glob_matches(pattern, relative);
  });
}

int luma(const std::uint8_t* rgb) noexcept { return (77 * rgb[0] + 150 * rgb[1] + 29 * rgb[2]) >> 8; }

// Mean squared forward difference of luma over one cell, both directions.
float cell_energy(const Photo& photo, int x0, int y0) {
  const int x1 = std::min(x0 + kEnergyCell, photo.width - 1);
  const int y1 = std::min(y0 + kEnergyCell, photo.height - 1);
  std::int64_t sum = 0;
  std::int64_t count = 0;
  for (int y = y0; y < y1; ++y) {
    const std::uint8_t* row = photo.rgb.data() + static_cast<std::size_t>(y) * photo.width * 3;
    for (int x = x0; x < x1; ++x) {
      const int centre = luma(row + 3 * x);
      const int dx = luma(row + 3 * (x + 1)) - centre;
      const int dy = luma(row + 3 * (x + photo.width)) - centre;
      sum += dx * dx + dy * dy;
      ++count;
    }
  }
  return count > 0 ? static_cast<float>(static_cast<double>(sum) / static_cast<double>(count)) : 0.0F;
}

void measure_energy(Photo& photo) {
  photo.cells_x = (photo.width + kEnergyCell - 1) / kEnergyCell;
  photo.cells_y = (photo.height + kEnergyCell - 1) / kEnergyCell;
  photo.energy.clear();
  for (int y = 0; y < photo.cells_y; ++y) {
    for (int x = 0; x < photo.cells_x; ++x) {
      photo.energy.push_back(cell_energy(photo, x * kEnergyCell, y * kEnergyCell));
    }
  }
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view text) noexcept {
  std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t]) && pattern[p] != '*') {
      ++p;
      ++t;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool is_validation_name(std::string_view file_name) noexcept { return fnv1a64(file_name) % 8 == 0; }

Photo load_photo(const fs::path& path, std::string name) {
  const Image image = read_image(path);
  const FrameFormat& format = image.frame.format;
  Photo photo;
  photo.name = std::move(name);
  photo.width = format.width;
  photo.height = format.height;
  photo.alpha = image.alpha;
  const int samples = format.samples_per_pixel();
  const auto pixels = static_cast<std::size_t>(format.width) * static_cast<std::size_t>(format.height);
  photo.rgb.resize(pixels * 3);
  for (std::size_t i = 0; i < pixels; ++i) {
    for (std::size_t c = 0; c < 3; ++c) {
      const std::size_t at = samples == 3 ? i * 3 + c : i;
      if (format.bit_depth == 8) {
        photo.rgb[i * 3 + c] = static_cast<std::uint8_t>(image.frame.data[at]);
      } else {
        const auto* words = reinterpret_cast<const std::uint16_t*>(image.frame.data.data());
        photo.rgb[i * 3 + c] = static_cast<std::uint8_t>((words[at] + 128) / 257);
      }
    }
  }
  return photo;
}

PhotoLibrary::PhotoLibrary(const PhotoOptions& options) {
  for (const fs::path& folder : options.folders) {
    for (const fs::path& path : pictures_below(folder)) {
      const std::string relative = name_below(folder, path);
      const std::string file_name = path.filename().string();
      if (is_excluded(options, relative, file_name)) continue;
      const bool validation = is_validation_name(file_name);
      if (options.split != Split::kAll && validation != (options.split == Split::kValidation)) continue;
      Photo photo = load_photo(path, relative);
      if (std::min(photo.width, photo.height) >= options.min_side) photos_.push_back(std::move(photo));
    }
  }
  for (const fs::path& folder : options.cutouts) {
    for (const fs::path& path : pictures_below(folder)) {
      Photo photo = load_photo(path, name_below(folder, path));
      if (!photo.alpha.empty()) cutouts_.push_back(std::move(photo));
    }
  }
  if (photos_.empty()) {
    throw InputError(
        fmt::format("no photographs left to use in {} folder(s); check the exclude patterns and the split",
                    options.folders.size()));
  }
  prepare(options.softest_dropped);
}

PhotoLibrary::PhotoLibrary(std::vector<Photo> photos, double softest_dropped) : photos_(std::move(photos)) {
  if (photos_.empty()) throw InputError("no photographs to use");
  prepare(softest_dropped);
}

void PhotoLibrary::prepare(double softest_dropped) {
  double area = 0;
  for (Photo& photo : photos_) {
    measure_energy(photo);
    area += static_cast<double>(photo.width) * photo.height;
    cumulative_area_.push_back(area);
  }
  // The threshold is a quantile over crops, not over cells: crops average many cells.
  CounterRng rng(0, 0, 0);
  std::vector<double> energies;
  for (int i = 0; i < 2000; ++i) energies.push_back(crop_energy(draw_crop(rng, 192, 192)));
  const auto rank = static_cast<std::ptrdiff_t>(std::clamp(softest_dropped, 0.0, 0.9) * 2000);
  std::nth_element(energies.begin(), energies.begin() + rank, energies.end());
  threshold_ = softest_dropped > 0 ? energies[static_cast<std::size_t>(rank)] : 0.0;
}

double PhotoLibrary::crop_energy(const PhotoCrop& crop) const {
  const Photo& photo = photos_[static_cast<std::size_t>(crop.photo)];
  const int x0 = std::clamp(crop.x / kEnergyCell, 0, photo.cells_x - 1);
  const int y0 = std::clamp(crop.y / kEnergyCell, 0, photo.cells_y - 1);
  const int x1 = std::clamp((crop.x + crop.width - 1) / kEnergyCell, x0, photo.cells_x - 1);
  const int y1 = std::clamp((crop.y + crop.height - 1) / kEnergyCell, y0, photo.cells_y - 1);
  double sum = 0;
  for (int y = y0; y <= y1; ++y) {
    for (int x = x0; x <= x1; ++x) sum += photo.energy[static_cast<std::size_t>(y * photo.cells_x + x)];
  }
  return sum / static_cast<double>((x1 - x0 + 1) * (y1 - y0 + 1));
}

PhotoCrop PhotoLibrary::draw_crop(CounterRng& rng, int width, int height) const {
  PhotoCrop crop;
  for (int attempt = 0; attempt < 16; ++attempt) {
    const double at = rng.uniform(0, cumulative_area_.back());
    const auto found = std::upper_bound(cumulative_area_.begin(), cumulative_area_.end(), at);
    crop.photo = static_cast<int>(std::min<std::ptrdiff_t>(found - cumulative_area_.begin(),
                                                           static_cast<std::ptrdiff_t>(photos_.size()) - 1));
    const Photo& photo = photos_[static_cast<std::size_t>(crop.photo)];
    crop.width = width;
    crop.height = height;
    const int room_x = photo.width - width;
    const int room_y = photo.height - height;
    crop.x = room_x > 0 ? rng.below(room_x + 1) : room_x / 2;
    crop.y = room_y > 0 ? rng.below(room_y + 1) : room_y / 2;
    if (crop_energy(crop) >= threshold_) break;
  }
  return crop;
}

}  // namespace unblur
