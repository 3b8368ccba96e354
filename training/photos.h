// SPDX-License-Identifier: MIT
// The still photographs that clips are made of.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "rng.h"

namespace unblur {

/// FNV-1a, 64 bit (Fowler, Noll, Vo).
[[nodiscard]] constexpr std::uint64_t fnv1a64(std::string_view text) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

/// Glob on a relative path with '/' separators: '*' any run (slashes too), '?' one character.
[[nodiscard]] bool glob_matches(std::string_view pattern, std::string_view text) noexcept;

enum class Split : std::uint8_t { kTraining, kValidation, kAll };

/// The fixed split of real-time-model.md 4.3: validation where FNV-1a64 of the file name (with extension,
/// without folder) is 0 modulo 8.
[[nodiscard]] bool is_validation_name(std::string_view file_name) noexcept;

struct PhotoOptions {
  std::vector<std::filesystem::path>
      folders;                       ///< folders (searched recursively for PNG and JPEG) or single files
  std::vector<std::string> exclude;  ///< globs on the file name or the path below the folder (licences)
  std::vector<std::filesystem::path> cutouts;  ///< folders of RGBA cut-outs for moving layers; may be empty
  Split split = Split::kTraining;
  int min_side = 96;             ///< px; smaller pictures are left out
  double softest_dropped = 0.2;  ///< share of crops that the gradient-energy test rejects
};

/// One photograph: 8-bit RGB interleaved as stored, and alpha for cut-outs.
struct Photo {
  std::string name;  ///< path below its folder
  int width = 0;     ///< px
  int height = 0;
  std::vector<std::uint8_t> rgb;    ///< height*width*3
  std::vector<std::uint8_t> alpha;  ///< height*width, empty for photographs
  int cells_x = 0, cells_y = 0;     ///< grid of kCell x kCell pixels (the last ones may be smaller)
  std::vector<float> energy;        ///< cells_y*cells_x, mean squared luma gradient in 8-bit codes
};
/// Side of the cells in which gradient energy is measured, px.
inline constexpr int kEnergyCell = 32;

/// A square or rectangular piece of a photograph, in its own pixels; may reach beyond it (reflection).
struct PhotoCrop {
  int photo = 0;
  int x = 0, y = 0, width = 0, height = 0;
};

class PhotoLibrary {
 public:
  /// Reads every photograph (sorted by name, so that a seed means the same everywhere).
  /// Throws InputError where a folder is absent or nothing is left to use.
  explicit PhotoLibrary(const PhotoOptions& options);
  /// Photographs already in memory (tests, one picture for a demo).
  PhotoLibrary(std::vector<Photo> photos, double softest_dropped);

  [[nodiscard]] const std::vector<Photo>& photos() const noexcept { return photos_; }
  [[nodiscard]] const std::vector<Photo>& cutouts() const noexcept { return cutouts_; }
  /// A crop inside a photograph drawn by area, redrawn (up to 16 times) while its gradient energy is among
  /// the softest. A photograph smaller than the crop is centred.
  [[nodiscard]] PhotoCrop draw_crop(CounterRng& rng, int width, int height) const;
  /// Mean gradient energy of a crop's part inside the photograph.
  [[nodiscard]] double crop_energy(const PhotoCrop& crop) const;
  [[nodiscard]] double energy_threshold() const noexcept { return threshold_; }

 private:
  void prepare(double softest_dropped);
  std::vector<Photo> photos_;
  std::vector<Photo> cutouts_;
  std::vector<double> cumulative_area_;
  double threshold_ = 0;
};

/// Decodes one picture into a Photo (grey is spread to RGB, 16 bits are rounded to 8).
[[nodiscard]] Photo load_photo(const std::filesystem::path& path, std::string name);

}  // namespace unblur
