// SPDX-License-Identifier: MIT
// Results in a safetensors file, made here (--save) or by anyone's own code (--against; docs/compare.md):
//   frame.N.OUTPUT      an output of frame N, counted from 0, [c,h,w] or [1,c,h,w], cropped to the frame, in
//                       the model's value range
//   frame.N.node.NODE   with --layers: the value of a node, [1,c,h,w], of the padded frame
#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "compare.h"
#include "graph/model.h"
#include "graph/observed.h"

namespace unblur {

/// Values wait in `<path>.values` until all names and sizes are known, and not in memory. Everything throws
/// ProcessingError where the disk is full or the folder absent.
class ResultSaver {
 public:
  explicit ResultSaver(const std::filesystem::path& path);
  ~ResultSaver();
  ResultSaver(const ResultSaver&) = delete;
  ResultSaver& operator=(const ResultSaver&) = delete;
  void add_outputs(std::int64_t frame, std::span<const NamedOutput> outputs);
  void add_node(std::int64_t frame, const std::string& node, const Tensor& value);
  void finish();  ///< writes the file

 private:
  void add(const std::string& name, const Dims& dims, std::span<const float> values);
  std::filesystem::path path_, values_path_;
  std::ofstream values_;
  nlohmann::json header_ = nlohmann::json::object();
  std::uint64_t bytes_ = 0;
};

/// Outputs from such a file. Those that the file lacks are left out of the comparison; the first one must be
/// there. Running throws InputError naming the tensor that is absent or misshapen.
[[nodiscard]] std::unique_ptr<FrameRun> run_saved(std::shared_ptr<const SafeTensors> content,
                                                  const Model& model);

/// A plan whose layers are the nodes that such a file holds. Running throws InputError likewise.
[[nodiscard]] std::unique_ptr<ObservedPlan> observe_saved(std::shared_ptr<const SafeTensors> content,
                                                          std::shared_ptr<const Model> model);

}  // namespace unblur
