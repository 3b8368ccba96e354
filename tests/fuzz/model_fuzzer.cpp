// SPDX-License-Identifier: MIT
// Fuzz target of everything that reads a model file. The first byte chooses how deep the rest goes in, since
// random bytes seldom get past a length or an offset:
//   'F' the rest is a file; 'H' the rest is a safetensors header, followed by as many zero bytes as it
//   asks for; 'G' the rest is graph JSON.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "graph/error.h"
#include "graph/model.h"
#include "graph/reach.h"

namespace {

using unblur::Graph;
using unblur::Model;
using unblur::ModelError;

constexpr std::size_t kMaxZeros = 1U << 16U;

void require(bool ok) {
  if (!ok) std::abort();
}

/// What programs do with a graph once it is read.
void use_graph(const Graph& graph) {
  require(graph_to_json(unblur::graph_from_json(graph_to_json(graph))) == graph_to_json(graph));
  for (const auto& [height, width] : {std::pair{64, 64}, std::pair{1, 1}, std::pair{33, 47}}) {
    try {
      (void)to_dot(graph, infer_shapes(graph, height, width));
      (void)multiply_adds(graph, height, width);
    } catch (const ModelError&) {  // sizes that do not suit the graph
    }
  }
  if (graph.nodes().size() > 50) return;  // twice every phase of every node takes its time
  try {
    (void)unblur::receptive_field(graph, 4);
  } catch (const ModelError&) {
  }
}

void use_file(std::span<const std::byte> bytes) {
  const Model model = unblur::parse_model(bytes);
  use_graph(model.graph);
  // A model that was read can be written, and reads back as the same bytes.
  const auto written = serialise_safetensors(model_to_safetensors(model));
  require(serialise_safetensors(model_to_safetensors(unblur::parse_model(written))) == written);
}

/// A file with this header and zeros up to the largest end of any "data_offsets":[a,b] in it.
std::vector<std::byte> file_of(std::string_view header) {
  constexpr std::string_view kKey = "\"data_offsets\":[";
  std::size_t zeros = 0;
  for (std::size_t at = header.find(kKey); at != std::string_view::npos; at = header.find(kKey, at + 1)) {
    const std::size_t comma = header.find(',', at);
    if (comma == std::string_view::npos) break;
    const std::string digits(header.substr(comma + 1, 20));
    zeros = std::max<std::size_t>(zeros, std::strtoull(digits.c_str(), nullptr, 10));
  }
  std::vector<std::byte> bytes(8 + header.size() + std::min(zeros, kMaxZeros));
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<std::byte>(header.size() >> (8 * i));
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  return bytes;
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    if (data[0] == 'G') {
      use_graph(unblur::graph_from_json(rest));
    } else if (data[0] == 'H') {
      use_file(file_of(rest));
    } else {
      use_file(std::as_bytes(std::span(rest)));
    }
  } catch (const ModelError&) {  // the only way to refuse
  }
  return 0;
}
