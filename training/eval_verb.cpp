// SPDX-License-Identifier: MIT
#include "eval_verb.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "compute.h"
#include "evaluate.h"
#include "graph/error.h"
#include "path_scores.h"
#include "run_log.h"
#include "validation.h"
#include "validation_set.h"

namespace unblur {
namespace {

constexpr int kRecordedBorder = 8;  // px; recorded truth is aligned less well there

/// On the CPU sequences are worked on side by side, one thread each: that scales, and gives the same bits for
/// any number of threads. A single sequence gets all threads of LibTorch.
int side_by_side(const EvalArguments& a, c10::Device device) {
  const int threads = a.threads > 0 ? a.threads : at::get_num_threads();
  const bool several = device.is_cpu() && a.sharp.empty();
  at::set_num_threads(several ? 1 : threads);
  return several ? threads : 1;
}

PhotoLibrary validation_photos(const EvalArguments& a) {
  PhotoOptions photos;
  photos.folders.assign(a.photos.begin(), a.photos.end());
  photos.exclude = a.exclude;
  photos.split = Split::kValidation;
  return PhotoLibrary(photos);
}

Evaluation evaluate(const EvalArguments& a, const Restorer& restorer, int replica_count) {
  Progress progress(a.quiet);
  Replicas replicas(replica_count);
  const EvaluationWork work{.replicas = replicas,
                            .progress = [&](int done) { progress.show(fmt::format("{} sequences", done)); }};
  ScoreOptions options{.ssim = !a.no_ssim, .paper = a.protocol == "paper"};
  const auto set = [&](int left_out, int border) {
    options.left_out = a.left_out >= 0 ? a.left_out : left_out;
    options.border = a.border >= 0 ? a.border : border;
  };
  if (!a.sharp.empty()) {
    set(0, 0);
    return evaluate_sharp(restorer, a.sharp, a.frames, options);
  }
  if (!a.pairs.empty()) {
    set(0, a.protocol == "paper" ? 0 : kRecordedBorder);
    return evaluate_pairs(restorer, a.pairs, options, work);
  }
  set(kFramesLeftOut, 0);
  return evaluate_validation(restorer, validation_photos(a), a.clips, options, work);
}

/// The scores of a network that makes both pictures and paths.
std::string with_paths(const std::string& pictures, const std::string& paths) {
  auto both = nlohmann::json::parse(pictures), of_paths = nlohmann::json::parse(paths);
  for (const char* name : {"all", "bins", "clips"}) both["paths"][name] = std::move(of_paths[name]);
  return both.dump(1);
}

void write_json(const std::filesystem::path& path, const std::string& json) {
  if (path.empty()) return;
  std::ofstream file(path, std::ios::trunc);
  file << json << '\n';
  if (!file.flush()) throw ProcessingError("cannot write " + path.string());
}

PathEvaluation path_evaluation(const EvalArguments& a, c10::Device device, int replica_count) {
  Progress progress(a.quiet);
  Replicas replicas(replica_count);
  const EvaluationWork work{.replicas = replicas,
                            .progress = [&](int done) { progress.show(fmt::format("{} clips", done)); }};
  return evaluate_paths(a.model, device, validation_photos(a), a.clips, work);
}

struct Predicts {
  bool frames = true, paths = false;
};
Predicts predictions_of(const EvalArguments& a) {
  if (!a.results.empty()) return {};
  const Model model = model_for_evaluation(a.model);
  return {.frames = model.graph.has_output("frame"), .paths = model.info.trajectory.has_value()};
}

}  // namespace

CLI::App* add_eval_verb(CLI::App& app, EvalArguments& a) {
  CLI::App* verb = app.add_subcommand("eval", "Score a model, a checkpoint or stored results against truth");
  verb->add_option("MODEL", a.model,
                   "Model file or training checkpoint (its averaged weights), run on LibTorch");
  verb->add_option("--results", a.results,
                   "Score pictures that `unblur deblur` wrote instead: DIR/SEQUENCE/*.png")
      ->type_name("DIR");
  verb->add_option("--photos", a.photos,
                   "Synthetic validation clips of these photographs (the eighth kept for it)")
      ->type_name("DIR");
  verb->add_option("--exclude", a.exclude, "Photographs to leave out, as globs")->type_name("GLOB");
  verb->add_option("--clips", a.clips, "How many validation clips")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  verb->add_option("--pairs", a.pairs, "Recorded pairs and sequences, or clips of `synth --validation`")
      ->type_name("DIR");
  verb->add_option("--sharp", a.sharp, "Sharp in, sharp out: pictures that shall stay as they are")
      ->type_name("DIR");
  verb->add_option(
          "--protocol", a.protocol,
          "plain, or paper: beside it the numbers of PVDNet's tables (frames cropped to multiples of 4, "
          "first frames left out, 16 px cropped, aligned, luminance)")
      ->capture_default_str()
      ->check(CLI::IsMember({"plain", "paper"}));
  verb->add_option("--frames", a.frames, "With --sharp: only the first N")->check(CLI::Range(1, 1000000));
  verb->add_option("--left-out", a.left_out, "Frames at the start that do not count (2 for --photos, else 0)")
      ->check(CLI::Range(0, 1000));
  verb->add_option("--border", a.border,
                   "Pixels at the edge that do not count (8 for --pairs, else and by paper 0)")
      ->check(CLI::Range(0, 1000));
  verb->add_option("--device", a.device, "auto, cpu, cuda, cuda:N")->capture_default_str();
  verb->add_option("--threads", a.threads, "Processor threads; 0 = all")->check(CLI::Range(0, 1024));
  verb->add_option("--json", a.json, "Write the scores as JSON")->type_name("FILE");
  verb->add_flag("--no-ssim", a.no_ssim, "Leave SSIM out, which takes most of the time");
  verb->add_flag("-q,--quiet", a.quiet, "No progress");
  verb->footer(
      "PSNR is pooled (one mean squared error over all frames) and, beside it, averaged over frames; frames "
      "are compared as\n"
      "8-bit RGB. Paths, where a model predicts them, are scored on synthetic clips: end-point error "
      "against their exact\n"
      "gather offsets, and sharp pictures averaged along its paths against the blurred ones.\n\nExamples:\n"
      "  unblur-train eval models/unblur-rt.safetensors --photos PHOTOS\n"
      "  unblur-train eval RUN/checkpoint.safetensors --pairs reds_seq\n"
      "  unblur-train eval models/unblur-trajectory.safetensors --photos PHOTOS\n"
      "  unblur-train synth --validation CLIPS --photos PHOTOS\n"
      "  unblur deblur CLIPS/clip_00/blur -o RESULTS/clip_00\n"
      "  unblur-train eval --results RESULTS --pairs CLIPS --left-out 2 --border 0");
  return verb;
}

void run_eval(const EvalArguments& a) {
  if (a.model.empty() == a.results.empty()) throw UsageError("eval wants either a MODEL or --results DIR");
  if (int{!a.photos.empty()} + int{!a.pairs.empty()} + int{!a.sharp.empty()} != 1) {
    throw UsageError("eval wants one of --photos, --pairs and --sharp");
  }
  const c10::Device device = choose_device(a.device);
  const Predicts predicts = predictions_of(a);
  if (!predicts.frames && a.photos.empty())
    throw UsageError("paths are known of synthesised clips only: give --photos");
  const int replicas = side_by_side(a, device);
  const std::string subject = a.results.empty() ? a.model.string() : a.results.string();
  fmt::print("{} on {}\n", subject, a.results.empty() ? describe_compute(device, false) : "stored results");
  std::string json;
  if (predicts.frames) {
    const Evaluation evaluation = evaluate(
        a, a.results.empty() ? network_restorer(a.model, device) : stored_restorer(a.results), replicas);
    fmt::print("{}{}", evaluation.table(/*every_sequence=*/true),
               evaluation.aligned_table(/*every_sequence=*/true));
    json = evaluation.json(subject);
  }
  if (predicts.paths && !a.photos.empty()) {
    const PathEvaluation paths = path_evaluation(a, device, replicas);
    fmt::print("{}", paths.table());
    json = predicts.frames ? with_paths(json, paths.json(subject)) : paths.json(subject);
  }
  write_json(a.json, json);
}

}  // namespace unblur
