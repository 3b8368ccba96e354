// SPDX-License-Identifier: MIT
#include "comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "bundle.h"
#include "graph/error.h"
#include "saved.h"

namespace unblur {
namespace {

ReportPicture picture_of(const NamedOutput& output, const ModelInfo& info) {
  ReportPicture p{output.shape.w, output.shape.h, output.values};
  for (float& v : p.rgb)
    v = std::clamp((v - info.range_low) / (info.range_high - info.range_low), 0.0F, 1.0F);
  return p;
}

/// A hash of all values, so that repeated runs need not be kept (64-bit FNV-1a over the words).
std::uint64_t fingerprint_of(std::span<const NamedOutput> outputs) {
  std::uint64_t h = 0xCBF29CE484222325ULL;
  for (const NamedOutput& output : outputs) {
    for (const float v : output.values) h = (h ^ std::bit_cast<std::uint32_t>(v)) * 0x100000001B3ULL;
  }
  return h;
}

class Comparer {
 public:
  explicit Comparer(const CompareRequest& request) : request_(request) {
    if (request.frames.empty()) throw InputError(fmt::format("'{}' holds no frame", request.input_name));
    if (request.backends.size() < (request.against.empty() ? 2 : 1)) {
      throw UsageError("--backends wants two or more of them, the reference first: torch:cpu,vulkan:0");
    }
    for (const BackendChoice& choice : request.backends) backends_.push_back(open_backend(choice));
    const FrameFormat& format = request.frames[0].format;
    result_ = {.model = request.model_name,
               .input = request.input_name,
               .width = format.width,
               .height = format.height};
    if (!request.against.empty()) {
      saved_ = std::make_shared<const SafeTensors>(read_safetensors(request.against));
      result_.reference = {request.against.string(), "saved results", ""};
    } else {
      result_.reference = note(0);
    }
    if (!request.save.empty()) saver_.emplace(request.save);
    for (std::size_t i = first_examined(); i < backends_.size(); ++i)
      result_.examined.push_back({.backend = note(i), .tolerance = tolerance_for(i)});
  }

  Comparison run() && {
    if (request_.layers) {
      for (std::size_t e = 0; e < result_.examined.size(); ++e) run_layers(e);
    } else {
      run_frames();
    }
    for (std::size_t i = 0; request_.repeat > 0 && i < backends_.size(); ++i) repeat(i);
    if (saver_) saver_->finish();
    return std::move(result_);
  }

 private:
  [[nodiscard]] std::size_t first_examined() const { return saved_ ? 0 : 1; }
  [[nodiscard]] const BackendChoice& choice(std::size_t i) const { return request_.backends[i]; }
  [[nodiscard]] BackendNote note(std::size_t i) const {
    return {choice(i).text, backends_[i]->device().name, backends_[i]->device().driver};
  }
  /// The choices that a comparison of examined backend `i` is about.
  [[nodiscard]] std::vector<BackendChoice> pair(std::size_t i) const {
    return saved_ ? std::vector{choice(i)} : std::vector{choice(0), choice(i)};
  }
  [[nodiscard]] Tolerance tolerance_for(std::size_t i) const {
    Tolerance t = default_tolerance(*request_.model, pair(i));
    if (request_.tolerance) t = {.relative = *request_.tolerance, .reason = "--tolerance"};
    t.min_psnr_db = request_.min_psnr_db;
    return t;
  }
  [[nodiscard]] std::unique_ptr<FrameRun> runner(std::size_t i, bool poison = false) {
    return run_backend(*backends_[i], request_.model, request_.frames[0].format, choice(i).precision, poison);
  }
  [[nodiscard]] std::size_t count() const { return std::min(request_.count, request_.frames.size()); }

  void run_frames() {
    const std::unique_ptr<FrameRun> reference = saved_ ? run_saved(saved_, *request_.model) : runner(0);
    std::vector<std::unique_ptr<FrameRun>> owned;
    std::vector<FrameRun*> examined;
    for (std::size_t i = first_examined(); i < backends_.size(); ++i)
      examined.push_back(owned.emplace_back(runner(i)).get());
    prints_.assign(backends_.size(), {});
    const auto all = compare_frames(request_.model->info, request_.frames, count(), *reference, examined,
                                    [&](const FrameView& view) { see(view); });
    for (std::size_t e = 0; e < all.size(); ++e) {
      Examined& examined_one = result_.examined[e];
      examined_one.frames = all[e];
      for (const FrameDifference& f : all[e]) {
        if (examined_one.verdict.empty()) examined_one.verdict = judge(f, examined_one.tolerance);
      }
    }
  }

  static std::string judge(const FrameDifference& f, const Tolerance& tolerance) {
    const OutputDifference& d = f.outputs.at(0);
    if (tolerance.holds(d)) return {};
    return fmt::format("frame {} differs by {:.3g} (relative {:.3g}, mean {:.3g}{}), allowed is {}", f.index,
                       d.largest, d.relative(), d.mean,
                       d.name == "frame" ? fmt::format(", PSNR {:.2f} dB", d.psnr_db) : "", tolerance.text());
  }

  void see(const FrameView& view) {
    const auto frame = view.difference.index;
    const std::size_t backend = view.examined + first_examined();
    prints_[backend].push_back(fingerprint_of(view.outputs));
    if (view.examined == 0) {
      if (!saved_) prints_[0].push_back(fingerprint_of(view.reference));
      if (saver_) saver_->add_outputs(frame, view.reference);
    }
    if (!request_.dump.empty()) {
      if (view.examined == 0) dump_outputs(request_.dump, frame, "reference", view.reference);
      dump_outputs(request_.dump, frame, fmt::format("examined{}", view.examined), view.outputs);
    }
    WorstFrame& worst = result_.examined[view.examined].worst;
    const OutputDifference& d = view.difference.outputs.at(0);
    if (d.largest <= worst.largest) return;
    const NamedOutput &a = view.reference[0], &b = view.outputs[0];
    worst = {.frame = frame, .largest = d.largest, .reference = {}, .examined = {}, .errors = {}};
    worst.errors = error_map(as_tensor(a), as_tensor(b), kPictureSide);
    if (d.name != "frame") return;
    worst.reference = picture_of(a, request_.model->info);
    worst.examined = picture_of(b, request_.model->info);
  }

  [[nodiscard]] std::unique_ptr<ObservedPlan> observe(std::size_t i) {
    const PlanSize size = plan_size(request_.model->info, request_.frames[0].format);
    return backends_[i]->observe(request_.model, size.height, size.width, choice(i).precision,
                                 choice(i).fuse);
  }

  void run_layers(std::size_t e) {
    const std::size_t i = e + first_examined();
    Examined& examined = result_.examined[e];
    const PlanSize size = plan_size(request_.model->info, request_.frames[0].format);
    const auto reference = saved_ ? observe_saved(saved_, request_.model) : observe(0);
    const auto plan = observe(i);
    LayerTolerance tolerance = LayerTolerance::of(pair(i));
    if (request_.tolerance) tolerance.relative = *request_.tolerance;
    LayerWatch watch;
    if (!request_.dump.empty()) {
      watch.offence = [&](const Offence& offence) {
        write_bundle(request_.dump / "first-offender", *request_.model, size, choice(i), offence);
      };
    }
    if (saver_ && e == 0) {
      watch.value = [&](int frame, const std::string& node, const Tensor& value) {
        saver_->add_node(frame, node, value);
      };
    }
    examined.layers =
        compare_layers(*request_.model, request_.frames, count(), *reference, *plan, tolerance, watch);
    const LayerReport& report = *examined.layers;
    if (report.first) {
      const LayerDifference& d = report.layers[*report.first];
      examined.verdict =
          fmt::format("layer '{}' ({}) adds {:.3g} in frame {}, allowed is {:.3g} (range {:.3g})", d.name,
                      d.kernel, d.judged, d.frame, d.bound, d.range);
    }
    for (const FrameDifference& f : report.outputs) {
      if (examined.verdict.empty()) examined.verdict = judge(f, examined.tolerance);
    }
  }

  void repeat(std::size_t i) {
    RepeatReport report{.backend = choice(i).text, .runs = request_.repeat, .difference = {}};
    std::vector<std::uint64_t> prints = i < prints_.size() ? prints_[i] : std::vector<std::uint64_t>();
    for (int n = 0; n < request_.repeat && report.difference.empty(); ++n) {
      const auto changed = first_change(*runner(i, true), request_.frames, count(), prints);
      if (changed) report.difference = fmt::format("run {} differs in frame {}", n + 1, *changed);
    }
    result_.repeats.push_back(std::move(report));
  }

  const CompareRequest& request_;
  std::vector<std::unique_ptr<Backend>> backends_;
  std::shared_ptr<const SafeTensors> saved_;
  std::optional<ResultSaver> saver_;
  std::vector<std::vector<std::uint64_t>> prints_;  ///< per backend and frame, of runs on plain memory
  Comparison result_;
};

}  // namespace

std::string Comparison::verdict() const {
  for (const Examined& e : examined) {
    if (!e.verdict.empty()) return examined.size() > 1 ? e.backend.text + ": " + e.verdict : e.verdict;
  }
  for (const RepeatReport& r : repeats) {
    if (!r.difference.empty()) return r.backend + " is not deterministic: " + r.difference;
  }
  return {};
}

std::optional<std::size_t> first_change(FrameRun& run, std::span<const Frame> frames, std::size_t count,
                                        std::vector<std::uint64_t>& prints) {
  for (std::size_t f = 0; f < count; ++f) {
    double ms = 0;
    const std::uint64_t print = fingerprint_of(run.run(frames, f, ms));
    if (prints.size() == f) prints.push_back(print);
    if (prints[f] != print) return f;
  }
  return std::nullopt;
}

Comparison compare(const CompareRequest& request) { return Comparer(request).run(); }

}  // namespace unblur
