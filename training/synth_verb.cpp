// SPDX-License-Identifier: MIT
#include "synth_verb.h"

#include <fmt/format.h>

#include <cstdio>

#include "graph/error.h"
#include "validation_set.h"

namespace unblur {
namespace {

// "12" or "12:18".
void read_range(const std::string& text, const char* option, double& lo, double& hi) {
  if (text.empty()) return;
  char extra = 0;
  const int read = std::sscanf(text.c_str(), "%lf:%lf%c", &lo, &hi, &extra);
  if (read == 1 && text.find(':') == std::string::npos)
    hi = lo;
  else if (read != 2)
    throw UsageError(fmt::format("{} {}: expected NUMBER or LOW:HIGH", option, text));
  if (!(lo > 0) || !(hi >= lo))
    throw UsageError(fmt::format("{} {}: expected 0 < LOW <= HIGH", option, text));
}

void read_size(const std::string& text, SynthesisOptions& options) {
  char extra = 0;
  if (std::sscanf(text.c_str(), "%dx%d%c", &options.width, &options.height, &extra) != 2 ||
      options.width < 16 || options.height < 16 || options.width > 4096 || options.height > 4096 ||
      options.width % 8 != 0 || options.height % 8 != 0) {
    throw UsageError("--size " + text + ": expected WIDTHxHEIGHT, multiples of 8 from 16 to 4096");
  }
}

Split read_split(const std::string& text) {
  if (text == "training") return Split::kTraining;
  if (text == "validation") return Split::kValidation;
  if (text == "all") return Split::kAll;
  throw UsageError("--split " + text + ": expected training, validation or all");
}

int read_bin(const std::string& text) {
  for (int bin = 0; bin < kBinCount; ++bin) {
    if (text == bin_name(bin)) return bin;
  }
  throw UsageError("--bin " + text + ": expected 0-2, 2-8, 8-16, 16-32 or 32+");
}

SynthRequest request_of(const SynthArguments& arguments) {
  SynthRequest request = arguments.request;
  SynthesisOptions& clips = request.clips;
  request.output = arguments.output;
  request.truth = !arguments.no_truth;
  request.photos.split = read_split(arguments.split);
  if (!arguments.preview.empty()) request.preview = arguments.preview;
  read_size(arguments.size, clips);
  read_range(arguments.speed, "--speed", clips.min_speed, clips.max_speed);
  read_range(arguments.duty, "--duty", clips.min_duty, clips.max_duty);
  if (clips.max_duty > 1) throw UsageError("--duty: an exposure is at most 1 frame interval");
  if (!arguments.speed.empty()) clips.zero_motion = clips.still_camera = 0;
  if (!arguments.bin.empty()) clips.bin_weights[static_cast<std::size_t>(read_bin(arguments.bin))] = 1;
  clips.noise = !arguments.no_noise;
  clips.codec = !arguments.no_codec;
  clips.saturation = !arguments.no_saturation;
  if (arguments.plain) {  // one photograph, upright, in its own colours, from a shaking camera
    clips.repeated_frame = clips.rolling_shutter = clips.half_size = 0;
    clips.max_layers = 0;
    clips.appearance = clips.saturation = clips.codec = clips.turns = false;
  }
  return request;
}

}  // namespace

CLI::App* add_synth_verb(CLI::App& app, SynthArguments& arguments) {
  CLI::App* verb = app.add_subcommand("synth", "Write synthesised clips with their truth");
  SynthRequest& request = arguments.request;
  verb->add_option("-o,--output", arguments.output,
                   "Folder for the clips, clip_NN/{blur,sharp,flow,visible}");
  verb->add_option("--validation", arguments.validation,
                   "Folder for the fixed validation set, clip_NN/{blur,sharp}");
  verb->add_option("--photos", request.photos.folders, "Folders of sharp photographs, or single files")
      ->required();
  verb->add_option("--exclude", request.photos.exclude, "Globs of file names to leave out");
  verb->add_option("--cutouts", request.photos.cutouts, "Folders of cut-outs with alpha, for moving layers");
  verb->add_option("--split", arguments.split, "training, validation or all (by file name)")
      ->capture_default_str();
  verb->add_option("--preview", arguments.preview,
                   "PNG sheet: blurred, sharp, motion, where motion is valid");
  verb->add_option("--seed", request.seed, "Random seed")->capture_default_str();
  verb->add_option("--first", request.first, "Index of the first sample")->capture_default_str();
  verb->add_option("--count", request.count, "Clips; of the validation set 60")
      ->check(CLI::Range(1, 1000000));
  verb->add_option("--frames", request.clips.frames, "Frames per clip")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  verb->add_option("--size", arguments.size, "WIDTHxHEIGHT, px")->capture_default_str();
  verb->add_option("--speed", arguments.speed,
                   "Camera speed, px per frame interval, LOW:HIGH (default 0.5:40)");
  verb->add_option("--duty", arguments.duty, "Exposure per frame interval, LOW:HIGH (default 0.1:1)");
  verb->add_option("--bin", arguments.bin, "Only clips of a blur length: 0-2, 2-8, 8-16, 16-32, 32+");
  verb->add_flag("--plain", arguments.plain,
                 "Only camera shake: no layers, colour changes, highlights, codec");
  verb->add_flag("--no-noise", arguments.no_noise, "No sensor noise");
  verb->add_flag("--no-codec", arguments.no_codec, "No JPEG loss");
  verb->add_flag("--no-saturation", arguments.no_saturation, "No lifted highlights");
  verb->add_flag("--no-truth", arguments.no_truth, "No flow and visibility files");
  return verb;
}

void run_synth(const SynthArguments& arguments, const SynthProgress& progress) {
  if (arguments.output.empty() == arguments.validation.empty()) {
    throw UsageError("synth: give either --output FOLDER or --validation FOLDER");
  }
  const SynthRequest request = request_of(arguments);
  if (arguments.validation.empty()) {
    write_clips(request, progress);
  } else {
    const int count = request.count == SynthRequest{}.count ? kValidationClips : request.count;
    write_validation_set(arguments.validation, request.photos, count, request.preview, progress);
  }
}

}  // namespace unblur
