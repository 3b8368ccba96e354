// SPDX-License-Identifier: MIT
#include "graph/liveness.h"

#include <algorithm>
#include <vector>

namespace unblur {
namespace {

std::uint64_t elements(const Shape& s) {
  return static_cast<std::uint64_t>(s.c) * static_cast<std::uint64_t>(s.h) * static_cast<std::uint64_t>(s.w);
}

}  // namespace

std::uint64_t peak_elements(const Graph& graph, std::span<const Shape> shapes) {
  const auto nodes = graph.nodes();
  std::vector<std::size_t> last(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    last[i] = i;
    for (const Value v : nodes[i].inputs) last[static_cast<std::size_t>(v.id)] = i;
  }
  for (const OutputSpec& o : graph.outputs()) last[static_cast<std::size_t>(o.value.id)] = nodes.size();
  for (const StateSpec& s : graph.states()) last[static_cast<std::size_t>(s.next.id)] = nodes.size();
  std::uint64_t alive = 0, peak = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    alive += elements(shapes[i]);
    peak = std::max(peak, alive);
    for (std::size_t j = 0; j <= i; ++j) {
      if (last[j] == i) alive -= elements(shapes[j]);
    }
  }
  return peak;
}

std::uint64_t largest_node_elements(const Graph& graph, std::span<const Shape> shapes) {
  std::uint64_t largest = 0;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    std::uint64_t node = elements(shapes[i]);
    for (const Value v : graph.nodes()[i].inputs) node += elements(shapes[static_cast<std::size_t>(v.id)]);
    largest = std::max(largest, node);
  }
  return largest;
}

}  // namespace unblur
