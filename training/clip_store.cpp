// SPDX-License-Identifier: MIT
// Clips cut, turned, stored and read: what lets one rendered clip serve several samples.
#include <ATen/Functions.h>
#include <fmt/format.h>

#include <cstring>

#include "graph/error.h"
#include "graph/model.h"
#include "producer.h"

namespace unblur {
namespace {

// Vectors (dx, dy) in dimension `axis` of size 2.
torch::Tensor turned_vectors(const torch::Tensor& field, std::int64_t axis, int which) {
  torch::Tensor x = field.select(axis, 0), y = field.select(axis, 1);
  if ((which & 1) != 0) x = -x;
  if ((which & 2) != 0) y = -y;
  return (which & 4) != 0 ? torch::stack({y, x}, axis) : torch::stack({x, y}, axis);
}

torch::Tensor turned_plane(torch::Tensor picture, int which) {
  if ((which & 1) != 0) picture = picture.flip(-1);
  if ((which & 2) != 0) picture = picture.flip(-2);
  if ((which & 4) != 0) picture = picture.transpose(-1, -2);
  return picture.contiguous();
}

Tensor to_host(const torch::Tensor& values, DType type) {
  const torch::Tensor tight = values.cpu().contiguous();
  Tensor out(type, tight.sizes().vec());
  std::memcpy(out.bytes.data(), tight.data_ptr(), out.bytes.size());
  return out;
}

torch::Tensor from_host(const SafeTensors& file, const std::string& name, torch::ScalarType type,
                        std::size_t rank) {
  const auto found = file.tensors.find(name);
  if (found == file.tensors.end() || found->second.dims.size() != rank) {
    throw InputError("a stored clip lacks '" + name + "'; delete the cache folder to render it again");
  }
  torch::Tensor out = torch::empty(found->second.dims, type);
  if (out.nbytes() != found->second.bytes.size())
    throw InputError("a stored clip has another type for '" + name + "'");
  std::memcpy(out.data_ptr(), found->second.bytes.data(), out.nbytes());
  return out;
}

}  // namespace

Clip turned(const Clip& clip, int which) {
  Clip out = clip;
  if (which == 0) return out;
  out.blurred = turned_plane(clip.blurred, which);
  out.sharp = turned_plane(clip.sharp, which);
  out.visible = turned_plane(clip.visible, which);
  out.flow = turned_vectors(turned_plane(clip.flow, which), 1, which);
  if (clip.trajectory.defined())
    out.trajectory = turned_vectors(turned_plane(clip.trajectory, which), 2, which);
  if (clip.gather.defined()) out.gather = turned_vectors(turned_plane(clip.gather, which), 2, which);
  return out;
}

Clip cropped(const Clip& clip, int x, int y, int size) {
  Clip out = clip;
  for (torch::Tensor* t : {&out.blurred, &out.sharp, &out.flow, &out.visible, &out.trajectory, &out.gather}) {
    if (t->defined()) *t = t->slice(-2, y, y + size).slice(-1, x, x + size).contiguous();
  }
  return out;
}

std::uint64_t synthesis_fingerprint(const SynthesisOptions& o, const PhotoLibrary& photos,
                                    std::uint64_t seed) {
  constexpr int kFormatVersion = 1;
  std::string text =
      fmt::format("{} {} {}x{}x{} {} {} {} {} {} {} {} {} {} {} {}{}{}{}{} {}", kFormatVersion, seed,
                  o.frames, o.width, o.height, o.min_speed, o.max_speed, o.still_camera, o.zero_motion,
                  o.repeated_frame, o.rolling_shutter, o.min_duty, o.max_duty, o.half_size, o.max_layers,
                  o.noise, o.codec, o.saturation, o.appearance, o.turns, o.trajectory_points);
  for (const double weight : o.bin_weights) text += fmt::format(" {}", weight);
  for (const auto* set : {&photos.photos(), &photos.cutouts()}) {
    for (const Photo& photo : *set) text += fmt::format("|{} {}x{}", photo.name, photo.width, photo.height);
  }
  return fnv1a64(text);
}

void save_clip(const std::filesystem::path& path, const Clip& clip) {
  SafeTensors file;
  file.tensors.emplace("blurred", to_host(clip.blurred, DType::kU8));
  file.tensors.emplace("sharp", to_host(clip.sharp, DType::kU8));
  file.tensors.emplace("flow", to_host(clip.flow.to(torch::kHalf), DType::kF16));
  file.tensors.emplace("visible", to_host(clip.visible.to(torch::kUInt8), DType::kU8));
  if (clip.trajectory.defined()) {
    file.tensors.emplace("trajectory", to_host(clip.trajectory.to(torch::kHalf), DType::kF16));
    file.tensors.emplace("gather", to_host(clip.gather.to(torch::kHalf), DType::kF16));
  }
  file.metadata = {{"blur_length", fmt::format("{}", clip.blur_length)},
                   {"repeated", clip.repeated ? "1" : "0"},
                   {"index", fmt::format("{}", clip.index)}};
  write_safetensors(path, file);
}

Clip load_clip(const std::filesystem::path& path) {
  const SafeTensors file = read_safetensors(path);
  const auto value = [&](const char* key) {
    const auto found = file.metadata.find(key);
    if (found == file.metadata.end()) throw InputError(path.string() + ": not a stored clip");
    return std::stod(found->second);
  };
  Clip clip;
  clip.blurred = from_host(file, "blurred", torch::kUInt8, 4);
  clip.sharp = from_host(file, "sharp", torch::kUInt8, 4);
  clip.flow = from_host(file, "flow", torch::kHalf, 4).to(torch::kFloat32);
  clip.visible = from_host(file, "visible", torch::kUInt8, 4).to(torch::kFloat32);
  if (file.tensors.contains("trajectory")) {
    clip.trajectory = from_host(file, "trajectory", torch::kHalf, 5).to(torch::kFloat32);
    clip.gather = from_host(file, "gather", torch::kHalf, 5).to(torch::kFloat32);
  }
  clip.blur_length = value("blur_length");
  clip.bin = bin_of(clip.blur_length);
  clip.repeated = value("repeated") != 0;
  clip.index = static_cast<std::uint64_t>(value("index"));
  return clip;
}

}  // namespace unblur
