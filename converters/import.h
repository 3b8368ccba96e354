// SPDX-License-Identifier: MIT
// Finds the network that a bag of named tensors belongs to, by names and shapes alone.
#pragma once

#include <string>
#include <vector>

#include "graph/model.h"

namespace unblur {

/// How well tensors fit a network.
struct NetworkMatch {
  std::string network;      ///< name of `build_network`
  std::string prefix;       ///< what stands before the names in the file: "module.", "state_dict.module."
  std::string implied;      ///< what the file's names lack: "BIMNet." in a file of BIMNet alone
  std::size_t fitting = 0;  ///< parameters of that name and shape
  std::vector<std::string> also;    ///< networks that fit just as well
  std::vector<std::string> wrong;   ///< every missing, unexpected and misshapen tensor, one phrase each
  std::vector<std::string> beside;  ///< tensors of the file outside `prefix` (an optimiser's state)
};

/// The network that most tensors fit; `network` = "" where none fits at all.
[[nodiscard]] NetworkMatch match_network(const TensorMap& tensors);
/// The same for one network. Throws UsageError if there is no such network.
[[nodiscard]] NetworkMatch match_network(const TensorMap& tensors, const std::string& network);

/// The network with these weights (float64 becomes float32). Throws ModelError listing all of `wrong`, or the
/// networks that are known if `network` is empty and none fits.
[[nodiscard]] Model import_network(const NetworkMatch& match, TensorMap&& tensors);

/// The dotted prefix that all names share, "" if none: "module.".
[[nodiscard]] std::string common_prefix(const TensorMap& tensors);

}  // namespace unblur
