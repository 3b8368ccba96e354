// SPDX-License-Identifier: MIT
#include "folders.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "graph/error.h"
#include "media/image_file.h"
#include "preview.h"

namespace unblur {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t kPairStream = 20;

std::map<std::string, fs::path> pictures_in(const fs::path& folder) {
  std::map<std::string, fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const bool hidden = entry.path().filename().string().starts_with('.');  // "._NAME" beside NAME
    if (!hidden && entry.is_regular_file() && is_image_name(entry.path()))
      found[entry.path().stem().string()] = entry.path();
  }
  return found;
}

PairSequence pair_folders(std::string name, const fs::path& blurred, const fs::path& sharp) {
  PairSequence sequence{std::move(name), {}};
  const auto sharp_frames = pictures_in(sharp);
  for (const auto& [stem, path] : pictures_in(blurred)) {
    const auto partner = sharp_frames.find(stem);
    if (partner == sharp_frames.end()) {
      throw InputError(
          fmt::format("{}: no sharp frame of the same name in {}", path.string(), sharp.string()));
    }
    sequence.frames.push_back({path, partner->second});
  }
  return sequence;
}

// NAME_blur beside NAME_sharp in one folder.
void add_single_pairs(const fs::path& root, const fs::path& folder, std::vector<PairSequence>& sequences) {
  constexpr std::string_view kBlur = "_blur";
  const auto pictures = pictures_in(folder);
  for (const auto& [stem, path] : pictures) {
    if (!stem.ends_with(kBlur)) continue;
    const std::string base = stem.substr(0, stem.size() - kBlur.size());
    const auto partner = pictures.find(base + "_sharp");
    if (partner == pictures.end())
      throw InputError(fmt::format("{}: no {}_sharp beside it", path.string(), base));
    const fs::path name = folder.lexically_relative(root) / base;
    sequences.push_back({name.lexically_normal().generic_string(), {{path, partner->second}}});
  }
}

// SEQ_FRAME in a folder of Gopro_align_data, or below one.
void add_side_by_side(const fs::path& root, const fs::path& folder, std::vector<PairSequence>& sequences) {
  const auto is_split = [](const fs::path& name) {
    return name == "train" || name == "val" || name == "test";
  };
  const fs::path below = (root.filename() / folder.lexically_relative(root)).lexically_normal();
  if (std::none_of(below.begin(), below.end(), is_split)) return;
  std::map<std::string, PairSequence> found;
  for (const auto& [stem, path] : pictures_in(folder)) {
    const std::size_t end = stem.rfind('_');
    if (end == std::string::npos || stem.ends_with("_blur") || stem.ends_with("_sharp")) continue;
    PairSequence& sequence = found[stem.substr(0, end)];
    sequence.name =
        (folder.lexically_relative(root) / stem.substr(0, end)).lexically_normal().generic_string();
    sequence.frames.push_back({path, path});
  }
  for (auto& [name, sequence] : found) sequences.push_back(std::move(sequence));
}

void add_folder(const fs::path& root, const fs::path& folder, bool gamma_blur,
                std::vector<PairSequence>& sequences) {
  const std::string name =
      folder == root ? root.filename().string() : folder.lexically_relative(root).generic_string();
  const auto has = [&](const char* child) { return fs::is_directory(folder / child); };
  if (has("blur") && has("sharp")) {
    const char* blurred = gamma_blur && has("blur_gamma") ? "blur_gamma" : "blur";
    sequences.push_back(pair_folders(name, folder / blurred, folder / "sharp"));
  } else if (has("blur_gamma") && has("sharp")) {
    sequences.push_back(pair_folders(name, folder / "blur_gamma", folder / "sharp"));
  } else if (has("input") && has("GT")) {
    sequences.push_back(pair_folders(name, folder / "input", folder / "GT"));
  } else {
    const std::string own = folder.filename().string();
    const bool half = own.starts_with("blur") || own == "sharp" || own == "input" || own == "GT";
    if (!half) add_side_by_side(root, folder, sequences);
  }
  add_single_pairs(root, folder, sequences);
}

torch::Tensor read_bytes(const fs::path& path) {
  return tensor_from_frame(read_image(path).frame).mul_(255).round_().to(torch::kUInt8);
}

struct PictureOfPair {
  fs::path path;
  bool left = false, right = false;  ///< only that half of it
};

torch::Tensor read_stack(const std::vector<PictureOfPair>& pictures) {
  std::vector<torch::Tensor> frames;
  for (const PictureOfPair& p : pictures) {
    const torch::Tensor whole = read_bytes(p.path);
    const auto half = whole.size(2) / 2;
    if ((p.left || p.right) && whole.size(2) % 2 != 0)
      throw InputError(p.path.string() + ": two pictures side by side have an even width");
    frames.push_back(p.left ? whole.slice(2, 0, half) : p.right ? whole.slice(2, half) : whole);
    if (frames.back().sizes() != frames.front().sizes()) {
      throw InputError(
          fmt::format("{} and {} differ in size", p.path.string(), pictures.front().path.string()));
    }
  }
  return torch::stack(frames);
}

Clip clip_of(torch::Tensor blurred, torch::Tensor sharp) {
  Clip clip;
  clip.flow = torch::zeros({blurred.size(0), 2, blurred.size(2), blurred.size(3)});
  clip.visible = torch::zeros({blurred.size(0), 1, blurred.size(2), blurred.size(3)});
  clip.blurred = std::move(blurred);
  clip.sharp = std::move(sharp);
  return clip;
}

}  // namespace

std::vector<PairSequence> find_pairs(const fs::path& root, bool gamma_blur) {
  std::error_code error;
  if (!fs::is_directory(root, error)) throw InputError(root.string() + ": no such folder of pairs");
  std::vector<PairSequence> sequences;
  add_folder(root, root, gamma_blur, sequences);
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.is_directory()) add_folder(root, entry.path(), gamma_blur, sequences);
  }
  std::erase_if(sequences, [](const PairSequence& sequence) { return sequence.frames.empty(); });
  if (sequences.empty()) {
    throw InputError(root.string() +
                     ": neither SEQ/{blur,sharp}, SEQ/{input,GT}, {train,val,test}/SEQ_FRAME nor "
                     "*_blur/*_sharp pictures in it");
  }
  std::sort(sequences.begin(), sequences.end(),
            [](const PairSequence& a, const PairSequence& b) { return a.name < b.name; });
  return sequences;
}

Clip load_pairs(const PairSequence& sequence, std::int64_t first, std::int64_t count) {
  const auto total = static_cast<std::int64_t>(sequence.frames.size());
  const std::int64_t end = count < 0 ? total : std::min(total, first + count);
  if (first < 0 || first >= end) throw InputError(sequence.name + ": no such frames");
  std::vector<PictureOfPair> blurred, sharp;
  for (std::int64_t i = first; i < end; ++i) {
    const FramePair& pair = sequence.frames[static_cast<std::size_t>(i)];
    const bool halves = pair.blurred == pair.sharp;
    blurred.push_back({.path = pair.blurred, .left = halves});
    sharp.push_back({.path = pair.sharp, .right = halves});
  }
  Clip clip = clip_of(read_stack(blurred), read_stack(sharp));
  if (clip.blurred.sizes() != clip.sharp.sizes())
    throw InputError(sequence.name + ": blurred and sharp sizes differ");
  return clip;
}

Clip draw_pair_clip(const std::vector<PairSequence>& sequences, const SynthesisOptions& options,
                    std::uint64_t seed, std::uint64_t index) {
  CounterRng rng(seed, index, kPairStream);
  std::size_t frames = 0;
  for (const PairSequence& sequence : sequences) frames += sequence.frames.size();
  auto at = static_cast<std::size_t>(rng.uniform() * static_cast<double>(frames));
  std::size_t which = 0;
  while (at >= sequences[which].frames.size()) at -= sequences[which++].frames.size();
  const PairSequence& sequence = sequences[which];
  const auto total = static_cast<std::int64_t>(sequence.frames.size());
  const auto first = std::clamp<std::int64_t>(static_cast<std::int64_t>(at), 0,
                                              std::max<std::int64_t>(total - options.frames, 0));
  Clip clip = load_pairs(sequence, first, options.frames);
  const auto height = clip.blurred.size(2), width = clip.blurred.size(3);
  if (width < options.width || height < options.height) {
    throw InputError(fmt::format("{}: {}x{} px is smaller than the clips of {}x{} px asked for",
                                 sequence.name, width, height, options.width, options.height));
  }
  const std::int64_t x = rng.below(static_cast<int>(width) - options.width + 1);
  const std::int64_t y = rng.below(static_cast<int>(height) - options.height + 1);
  const int turn = options.turns ? rng.below(options.width == options.height ? 8 : 4) : 0;
  const auto shaped = [&](torch::Tensor frames_of) {
    frames_of = frames_of.slice(2, y, y + options.height).slice(3, x, x + options.width);
    if ((turn & 1) != 0) frames_of = frames_of.flip(3);
    if ((turn & 2) != 0) frames_of = frames_of.flip(2);
    if ((turn & 4) != 0) frames_of = frames_of.transpose(2, 3);
    std::vector<torch::Tensor> parts{frames_of};
    while (static_cast<int>(parts.size()) + frames_of.size(0) - 1 < options.frames)
      parts.push_back(frames_of.slice(0, -1));
    return torch::cat(parts).contiguous();
  };
  Clip out = clip_of(shaped(clip.blurred), shaped(clip.sharp));
  out.repeated = total == 1;
  out.index = index;
  return out;
}

}  // namespace unblur
