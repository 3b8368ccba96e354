// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <ostream>

#include "golden.h"
#include "graph/error.h"

namespace unblur::golden {
namespace {

bool is_for(Where where, Runner runner) {
  switch (where) {
    case Where::kCpu:
      return runner == Runner::kCpu;
    case Where::kTorch:
      return runner == Runner::kTorch;
    case Where::kExecutors:
      break;
  }
  return runner != Runner::kCpu;
}

/// All safetensors files below a root, in order. A root that has none is a failure of the caller's.
std::vector<std::filesystem::path> files_below(const std::filesystem::path& root) {
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_regular_file(root)) return {root};
  if (!std::filesystem::is_directory(root)) return files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.is_regular_file() && entry.path().extension() == ".safetensors") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

struct Outcome {
  bool passed = false;
  std::string text;
};

Outcome judge(const Case& c) {
  if (const auto unknown = c.unknown_tensors(); !unknown.empty()) {
    return {false, fmt::format("unknown tensors: {}", fmt::join(unknown, ", "))};
  }
  if (c.comparisons().empty()) return {false, "nothing was compared"};
  const auto worst =
      std::max_element(c.comparisons().begin(), c.comparisons().end(),
                       [](const auto& a, const auto& b) { return a.error / a.bound < b.error / b.bound; });
  return {worst->error <= worst->bound,
          fmt::format("{} compared, largest error {:.3g} of {:.3g} ({})", c.comparisons().size(),
                      worst->error, worst->bound, worst->name)};
}

class Run {
 public:
  Run(Runner runner, Backend* backend, std::ostream& out) : runner_(runner), backend_(backend), out_(out) {}

  void file(const std::filesystem::path& path) {
    try {
      Case c(path, runner_ == Runner::kVulkanHalf);
      if (const Kind* kind = find(c)) run(*kind, c, path);
    } catch (const std::exception& e) {
      fail(path, e.what());
    }
  }
  void fail(const std::filesystem::path& path, const std::string& why) {
    ++failures_;
    out_ << fmt::format("FAILED  {}: {}\n", path.string(), why);
  }
  int finish() {
    for (const auto& [what, count] : skipped_) out_ << fmt::format("skipped {}: {} files\n", what, count);
    out_ << fmt::format("{} passed, {} failed\n", passed_, failures_);
    return failures_;
  }

 private:
  const Kind* find(const Case& c) {
    bool known_system = false;
    for (const Kind& kind : kinds()) {
      if (kind.system != c.system()) continue;
      known_system = true;
      if (kind.name == c.kind()) return &kind;
    }
    if (known_system) throw CaseError(fmt::format("system '{}' has no kind '{}'", c.system(), c.kind()));
    ++skipped_[fmt::format("{} (system not built yet)", c.system())];
    return nullptr;
  }

  void run(const Kind& kind, Case& c, const std::filesystem::path& path) {
    if (!is_for(kind.where, runner_)) return;
    if (kind.run == nullptr) {
      ++skipped_[fmt::format("{}/{} (not built yet)", kind.system, kind.name)];
      return;
    }
    kind.run(c, backend_);
    const Outcome outcome = judge(c);
    if (!outcome.passed) return fail(path, fmt::format("{}/{}: {}", kind.system, kind.name, outcome.text));
    ++passed_;
    out_ << fmt::format("ok      {}: {}/{}: {}\n", path.filename().string(), kind.system, kind.name,
                        outcome.text);
  }

  Runner runner_;
  Backend* backend_;
  std::ostream& out_;
  int passed_ = 0, failures_ = 0;
  std::map<std::string, int> skipped_;
};

}  // namespace

int run_golden(const std::vector<std::filesystem::path>& roots, Runner runner, Backend* backend,
               std::ostream& out) {
  Run run(runner, backend, out);
  if (roots.empty()) run.fail("UNBLUR_GOLDEN", "names no folder");
  for (const std::filesystem::path& root : roots) {
    const auto files = files_below(root);
    if (files.empty()) run.fail(root, "no .safetensors file below");
    for (const auto& path : files) run.file(path);
  }
  return run.finish();
}

}  // namespace unblur::golden
