// SPDX-License-Identifier: MIT
#include "clip_folder.h"

#include <fmt/format.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "graph/error.h"
#include "graph/file.h"
#include "media/image_file.h"
#include "preview.h"
#include "validation_set.h"

namespace unblur {
namespace {

namespace fs = std::filesystem;
constexpr float kFloMagic = 202021.25F;  // reads as "PIEH"
constexpr std::size_t kSheetRows = 12;

template <typename T>
std::span<const std::byte> bytes_of(const T& object) {
  return std::as_bytes(std::span(object));
}

nlohmann::json describe(const Clip& clip, const ClipPlan& plan, const PhotoLibrary& photos) {
  nlohmann::json sources = nlohmann::json::array();
  for (const LayerPlan& layer : plan.layers) {
    const auto& from = layer.cutout ? photos.cutouts() : photos.photos();
    sources.push_back(from[static_cast<std::size_t>(layer.photo)].name);
  }
  const Degradation& look = plan.degradation;
  return {{"seed", plan.seed},
          {"index", plan.index},
          {"frames", clip.blurred.size(0)},
          {"width", plan.width},
          {"height", plan.height},
          {"bin", bin_name(plan.bin())},
          {"blur_length", plan.blur_length},
          {"redraws", plan.redraws},
          {"repeated", plan.repeated},
          {"exposure", plan.duty},
          {"readout", plan.readout},
          {"photographs", sources},
          {"photon_gain", look.photon_gain},
          {"read_sigma", look.read_sigma},
          {"highlight", look.highlight},
          {"jpeg_quality", look.jpeg_quality}};
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw ProcessingError(folder.string() + ": cannot be created: " + error.message());
}

std::vector<Clip> write_all(const fs::path& output, int count, const PhotoLibrary& photos, bool truth,
                            int frames, const std::function<ClipPlan(int)>& plan_of,
                            const SynthProgress& progress) {
  const int digits = count <= 100 ? 2 : 6;
  std::vector<Clip> sheet;
  for (int i = 0; i < count; ++i) {
    const ClipPlan plan = plan_of(i);
    Clip clip = render_clip(plan, photos, torch::kCPU, frames);
    write_clip(output / fmt::format("clip_{:0{}d}", i, digits), clip, plan, photos, truth);
    if (sheet.size() < kSheetRows) sheet.push_back(std::move(clip));
    if (progress && !progress(i + 1, count)) break;
  }
  return sheet;
}

void write_sheet(const std::optional<fs::path>& path, const std::vector<Clip>& clips) {
  if (path && !clips.empty()) write_png(*path, frame_from_tensor(preview_sheet(clips)));
}

}  // namespace

void write_flo(const fs::path& path, const torch::Tensor& flow) {
  const torch::Tensor pairs = flow.to(torch::kCPU, torch::kFloat32).permute({1, 2, 0}).contiguous();
  const std::array<float, 1> magic{kFloMagic};
  const std::array<std::int32_t, 2> size{static_cast<std::int32_t>(pairs.size(1)),
                                         static_cast<std::int32_t>(pairs.size(0))};
  const std::span<const float> values(pairs.data_ptr<float>(), static_cast<std::size_t>(pairs.numel()));
  const std::array<std::span<const std::byte>, 3> parts{bytes_of(magic), bytes_of(size),
                                                        std::as_bytes(values)};
  write_file(path, parts);
}

torch::Tensor read_flo(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  float magic = 0;
  std::array<std::int32_t, 2> size{};
  file.read(reinterpret_cast<char*>(&magic), sizeof magic);
  file.read(reinterpret_cast<char*>(size.data()), sizeof size);
  if (!file || magic != kFloMagic || size[0] < 1 || size[1] < 1 || size[0] > kMaxImageSide ||
      size[1] > kMaxImageSide) {
    throw InputError(path.string() + ": not a .flo file");
  }
  torch::Tensor pairs = torch::empty({size[1], size[0], 2}, torch::kFloat32);
  file.read(static_cast<char*>(pairs.data_ptr()), static_cast<std::streamsize>(pairs.nbytes()));
  if (!file) throw InputError(path.string() + ": the file ends early");
  return pairs.permute({2, 0, 1}).contiguous();
}

void write_clip(const fs::path& folder, const Clip& clip, const ClipPlan& plan, const PhotoLibrary& photos,
                bool truth) {
  make_folder(folder / "blur");
  make_folder(folder / "sharp");
  if (truth) make_folder(folder / "flow");
  if (truth) make_folder(folder / "visible");
  for (std::int64_t k = 0; k < clip.blurred.size(0); ++k) {
    const std::string name = fmt::format("{:08d}", k);
    write_png(folder / "blur" / (name + ".png"), frame_from_tensor(clip.blurred[k]));
    write_png(folder / "sharp" / (name + ".png"), frame_from_tensor(clip.sharp[k]));
    if (!truth || k == 0) continue;
    write_flo(folder / "flow" / (name + ".flo"), clip.flow[k]);
    write_png(folder / "visible" / (name + ".png"), frame_from_tensor(clip.visible[k].expand({3, -1, -1})));
  }
  const std::string text = describe(clip, plan, photos).dump(2) + "\n";
  const std::array<std::span<const std::byte>, 1> parts{bytes_of(text)};
  write_file(folder / "meta.json", parts);
}

void write_clips(const SynthRequest& request, const SynthProgress& progress) {
  const PhotoLibrary photos(request.photos);
  const auto plan_of = [&](int i) {
    return draw_plan(request.clips, photos, request.seed, static_cast<std::uint64_t>(request.first + i));
  };
  write_sheet(request.preview, write_all(request.output, request.count, photos, request.truth,
                                         request.clips.frames, plan_of, progress));
}

void write_validation_set(const fs::path& output, PhotoOptions options, int count,
                          const std::optional<fs::path>& preview, const SynthProgress& progress) {
  options.split = Split::kValidation;
  const PhotoLibrary photos(options);
  const auto plan_of = [&](int seed) { return validation_plan(photos, seed); };
  write_sheet(preview, write_all(output, count, photos, false, kValidationFrames, plan_of, progress));
}

}  // namespace unblur
