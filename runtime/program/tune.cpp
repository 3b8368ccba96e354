// SPDX-License-Identifier: MIT
// The verb `tune`: measures every convolution kernel that can compute a node, and stores where another one
// than the built-in choice is faster on this device. Later runs with the same device and model use it.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>

#include "program/context.h"
#include "program/endpoints.h"
#include "program/files.h"

namespace unblur {
namespace {

namespace fs = std::filesystem;

constexpr double kWorthwhile = 0.95;  ///< of the built-in choice's time; less gain than that is noise

fs::path tuning_file(const DeviceInfo& device, const std::string& model) {
  const fs::path cache = cache_home();
  if (cache.empty()) throw UsageError("no folder for the result: set HOME or XDG_CACHE_HOME");
  const std::string id = device.uuid.empty() ? "unknown" : device.uuid;
  return cache / "unblur" / "tuning" / fmt::format("{}-{}.txt", id, model);
}

struct Arguments {
  int width = 640, height = 360;
  bool reset = false;
};

class Tuner {
 public:
  Tuner(Context& context, const Arguments& arguments)
      : context_(context),
        settings_(context.settings()),
        model_file_(find_model(settings_.text("model"))),
        model_(std::make_shared<const Model>(read_model(model_file_))),
        backend_(open_backend(context, settings_)) {
    bind_.format.layout = PixelLayout::kYuv420;
    bind_.format.width = arguments.width;
    bind_.format.height = arguments.height;
    bind_.format.colour.range = ColourRange::kLimited;
    bind_.precision = settings_.precision();
    bind_.memory_limit = settings_.bytes("memory-limit");
    bind_.time_nodes = true;
  }

  ExitCode run(bool reset) {
    const fs::path file = tuning_file(backend_->device(), fingerprint(model_file_));
    context_.report["file"] = file.string();
    if (reset) {
      fs::remove(file);
      print_data(context_, fmt::format("{} removed\n", file.string()));
      return ExitCode::kDone;
    }
    ::unsetenv("UNBLUR_KERNEL");
    const std::map<std::string, NodeTime> built_in = measure();
    std::map<std::string, NodeTime> best = built_in;
    for (const std::string& family : context_.services.kernels) try_family(family, built_in, best);
    ::unsetenv("UNBLUR_KERNEL");
    store(file, built_in, best);
    return ExitCode::kDone;
  }

 private:
  /// Shortest time of every node over a few frames.
  std::map<std::string, NodeTime> measure() {
    const std::unique_ptr<Session> session = backend_->bind(model_, bind_);
    Frame frame(bind_.format);
    for (std::size_t i = 0; i < frame.data.size(); ++i)
      frame.data[i] = static_cast<std::byte>(16 + i * 7919 % 220);
    const std::vector<const Frame*> window(
        static_cast<std::size_t>(session->max_offset() - session->min_offset() + 1), &frame);
    std::map<std::string, NodeTime> shortest;
    for (int i = 0; i < 5; ++i) {
      session->submit(window);
      for (const NodeTime& t : session->receive().times) {
        const auto [at, fresh] = shortest.emplace(t.name, t);
        if (!fresh && t.ms < at->second.ms) at->second = t;
      }
    }
    return shortest;
  }

  [[nodiscard]] bool can_compute(const std::string& node, const std::string& family) {
    ::setenv("UNBLUR_KERNEL", fmt::format("{}={}", node, family).c_str(), 1);
    try {
      (void)backend_->plan(*model_, bind_);
      return true;
    } catch (const ModelError&) {
      return false;
    }
  }

  void try_family(const std::string& family, const std::map<std::string, NodeTime>& built_in,
                  std::map<std::string, NodeTime>& best) {
    std::string forced;
    std::vector<std::string> nodes;
    for (const auto& [name, time] : built_in) {
      const bool convolution = std::any_of(context_.services.kernels.begin(), context_.services.kernels.end(),
                                           [&](const std::string& k) { return time.kernel.starts_with(k); });
      if (!convolution || time.kernel.starts_with(family) || !can_compute(name, family)) continue;
      forced += fmt::format("{}{}={}", forced.empty() ? "" : ",", name, family);
      nodes.push_back(name);
    }
    if (nodes.empty()) return;
    spdlog::info("{} on {} nodes", family, nodes.size());
    ::setenv("UNBLUR_KERNEL", forced.c_str(), 1);
    const std::map<std::string, NodeTime> times = measure();
    for (const std::string& name : nodes) {
      const auto found = times.find(name);
      if (found == times.end() || found->second.ms >= best.at(name).ms) continue;
      best[name] = found->second;
      best[name].kernel = family;
    }
  }

  void store(const fs::path& file, const std::map<std::string, NodeTime>& built_in,
             const std::map<std::string, NodeTime>& best) {
    std::string forced, text;
    double before = 0, after = 0;
    for (const auto& [name, time] : built_in) {
      const NodeTime& b = best.at(name);
      const bool better = b.ms < kWorthwhile * time.ms && b.kernel != time.kernel;
      before += time.ms;
      after += better ? b.ms : time.ms;
      if (!better) continue;
      forced += fmt::format("{}{}={}", forced.empty() ? "" : ",", name, b.kernel);
      text += fmt::format("  {:<28} {:>8.3f} ms {:<24} -> {:>8.3f} ms {}\n", name, time.ms, time.kernel, b.ms,
                          b.kernel);
      context_.report["overrides"].push_back(
          {{"node", name}, {"kernel", b.kernel}, {"ms", b.ms}, {"built_in_ms", time.ms}});
    }
    std::error_code error;
    fs::create_directories(file.parent_path(), error);
    std::ofstream out(file);
    out << forced << '\n';
    out.close();
    if (!out) throw ProcessingError(fmt::format("{}: cannot be written", file.string()));
    if (forced.empty()) text = "  the built-in choice is the fastest everywhere\n";
    print_data(context_, fmt::format("{}{:.2f} ms per frame before, {:.2f} ms after; stored in {}\n", text,
                                     before, after, file.string()));
  }

  Context& context_;
  Settings settings_;
  fs::path model_file_;
  std::shared_ptr<const Model> model_;
  std::unique_ptr<Backend> backend_;
  BindOptions bind_;
};

}  // namespace

void apply_tuning(const DeviceInfo& device, const std::string& model_fingerprint) {
  const char* by_hand = std::getenv("UNBLUR_KERNEL");
  if ((by_hand != nullptr && *by_hand != '\0') || cache_home().empty()) return;
  const fs::path file = tuning_file(device, model_fingerprint);
  std::ifstream in(file);
  std::string forced;
  if (!std::getline(in, forced) || forced.empty()) return;
  ::setenv("UNBLUR_KERNEL", forced.c_str(), 1);
  spdlog::debug("kernels as tuned: {}", file.string());
}

void add_tune(CLI::App& app, Context& context) {
  CLI::App* verb =
      app.add_subcommand("tune", "measure which kernels are fastest on this device, and remember it");
  auto arguments = std::make_shared<Arguments>();
  verb->add_option("--width", arguments->width, "of the frames to measure with, px")
      ->capture_default_str()
      ->check(CLI::Range(64, 8192));
  verb->add_option("--height", arguments->height, "px")->capture_default_str()->check(CLI::Range(64, 8192));
  verb->add_flag("--reset", arguments->reset, "forget what was measured");
  add_settings(*verb, context, {"model", "device", "precision", "memory-limit"});
  add_common_options(*verb, context);
  verb->footer(
      "The result is stored per device and model below $XDG_CACHE_HOME/unblur/tuning; deblur and benchmark "
      "use\n"
      "it. UNBLUR_KERNEL overrides it.\n\n"
      "Examples:\n"
      "  unblur tune\n"
      "  unblur tune --width 1920 --height 1080 -d 0\n"
      "  unblur tune --reset");
  verb->callback([&context, arguments] {
    context.verb = [&context, arguments] { return Tuner(context, *arguments).run(arguments->reset); };
  });
}

}  // namespace unblur
