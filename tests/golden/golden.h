// SPDX-License-Identifier: MIT
// Golden cases: what published implementations compute, as safetensors files whose metadata names a system
// and a kind (which computation). A kind is one function; the runner finds the files when it runs.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "graph/executor.h"

namespace unblur::golden {

/// Something about a case that the kind does not understand: a failure, never a default.
struct CaseError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

enum class Measure {
  kLargest,       ///< largest absolute difference
  kMean,          ///< mean absolute difference
  kShareAboveOne  ///< share of values that differ by more than 1
};

/// One file, and what was compared in it.
class Case {
 public:
  /// Throws ModelError, CaseError. With `half` the bounds are those of half_bound.
  explicit Case(const std::filesystem::path& path, bool half = false);

  [[nodiscard]] const std::string& system() const { return system_; }
  [[nodiscard]] const std::string& kind() const { return kind_; }
  [[nodiscard]] bool has(const std::string& name) const { return content_.tensors.contains(name); }
  [[nodiscard]] std::vector<std::string> names() const;
  /// A tensor that the kind reads. Throws CaseError if it is absent.
  const Tensor& input(const std::string& name);

  /// Metadata as JSON; a single word that is no JSON is a string. Throws CaseError if it is absent.
  [[nodiscard]] nlohmann::json metadata(const std::string& key) const;
  /// An entry of the metadata object "config". Throws CaseError if it is absent.
  [[nodiscard]] nlohmann::json config(const std::string& key) const;
  /// Throws CaseError unless that entry is what the kind computes.
  void require(const std::string& key, const nlohmann::json& value) const;

  /// Compares with the stored tensor, if the file has it.
  void compare(const std::string& name, const Tensor& got, double bound, Measure measure = Measure::kLargest);
  /// The same for a number of the metadata.
  void compare_number(const std::string& name, double got, double stored, double bound);

  struct Comparison {
    std::string name;
    double error = 0, bound = 0;
  };
  [[nodiscard]] const std::vector<Comparison>& comparisons() const { return comparisons_; }
  /// Tensors that the kind neither read nor compared: it does not know their names.
  [[nodiscard]] std::vector<std::string> unknown_tensors() const;

 private:
  bool half_;
  std::string system_, kind_;
  SafeTensors content_;
  std::set<std::string> known_;
  std::vector<Comparison> comparisons_;
};

/// Pictures, metrics, optimisers, schedules and file formats run once, on the CPU; training, losses and
/// gradients on LibTorch; every other kind on LibTorch and on each Vulkan driver.
enum class Where { kCpu, kTorch, kExecutors };
/// kVulkanHalf: the same kinds in fp16 storage, within measured bounds (docs/measurements/pvdnet.md).
enum class Runner { kCpu, kTorch, kVulkan, kVulkanHalf };

/// What fp16 storage is held to, whatever the measure of the fp32 bound: absolute, like those. A position
/// within a step of fp16 of a whole pixel makes the pixel volume read a neighbour, so the mean counts there.
struct HalfBound {
  double largest = 0, mean = 0;
};
/// By kind and tensor. Throws CaseError where there is none: it has to be measured first.
[[nodiscard]] HalfBound half_bound(std::string_view kind, std::string_view tensor);

struct Kind {
  std::string system, name;
  Where where;
  void (*run)(Case&, Backend*);  ///< null: declared, not built yet
};
[[nodiscard]] const std::vector<Kind>& kinds();

/// Runs all files under `roots` (recursively) that this runner is for. Prints a line per file with the
/// largest error and its bound, and what was skipped, by name. Returns the number of failures.
int run_golden(const std::vector<std::filesystem::path>& roots, Runner runner, Backend* backend,
               std::ostream& out);

/// Outputs of a graph for inputs [n,c,h,w]; runs sample by sample, since executors need no batches.
[[nodiscard]] TensorMap run_batch(Backend& backend, const Model& model, const TensorMap& inputs);
/// Makes the value of a node visible under a name of the case. Throws CaseError if there is none.
void expose(Model& model, const std::string& output, const std::string& node);
/// The output of one operator on operands of one size.
[[nodiscard]] Tensor run_operator(Backend& backend, const Op& op, const std::vector<Tensor>& operands,
                                  const TensorMap& parameters = {});

}  // namespace unblur::golden
