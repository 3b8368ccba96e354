// SPDX-License-Identifier: MIT
#include "vulkan/schedule.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace unblur::vk {
namespace {

constexpr int kStripAlignment = 8;  // rows; keeps strips of all scales in step

bool is_source(const Lowered& graph, Value v) {
  const Op& op = graph.at(v).op;
  return std::holds_alternative<op::Input>(op) || std::holds_alternative<op::State>(op);
}

Range join(Range a, Range b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  return {std::min(a.begin, b.begin), std::max(a.end, b.end)};
}

/// Outwards to multiples of `factor`, within the value.
Range align_rows(Range r, int factor, int height) {
  if (r.empty()) return r;
  return {r.begin / factor * factor, std::min((r.end + factor - 1) / factor * factor, height)};
}

}  // namespace

bool is_placed(const Lowered& graph, Value v) {
  const LoweredNode& node = graph.at(v);
  if (std::holds_alternative<op::Slice>(node.op)) {
    return graph.placement[index_of(v)].parent == node.inputs[0];
  }
  return std::holds_alternative<op::Concat>(node.op) && std::ranges::all_of(node.inputs, [&](Value operand) {
           return graph.placement[index_of(operand)].parent == v;
         });
}

std::vector<Value> steps_in_order(const Lowered& graph) {
  std::vector<Value> order;
  std::vector<bool> seen(graph.nodes.size());
  // Nodes that passes appended come after their readers by number: follow operands.
  const std::function<void(Value)> visit = [&](Value v) {
    if (seen[index_of(v)] || !graph.at(v).alive) return;
    seen[index_of(v)] = true;
    for (const Value operand : graph.at(v).inputs) visit(operand);
    if (!is_source(graph, v) && !is_placed(graph, v)) order.push_back(v);
  };
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(graph.nodes.size()); ++i) visit({i});
  return order;
}

std::optional<Range> operand_rows(const Lowered& graph, Value step, std::size_t i, Range out) {
  const LoweredNode& node = graph.at(step);
  if (node.epilogue.residual && i + 1 == node.inputs.size()) return out;
  const int factor = node.epilogue.shuffle;
  const Range before{out.begin / factor, (out.end + factor - 1) / factor};
  return needed_range(node.op, i, Axis::kRows, before, graph.shape(node.inputs[i]).h,
                      graph.shape(step).h / factor);
}

Phases find_phases(const Lowered& graph, const std::vector<Value>& order) {
  Phases result;
  result.whole.resize(graph.nodes.size());
  result.phase.resize(graph.nodes.size());
  const auto root = [&](Value v) { return index_of(graph.root(v).parent); };
  for (const Value v : graph.pinned) result.whole[root(v)] = true;
  for (const Value v : order) {
    if (graph.shape(v).h == 1) result.whole[root(v)] = true;
    for (std::size_t i = 0; i < graph.at(v).inputs.size(); ++i) {
      const Value operand = graph.at(v).inputs[i];
      if (is_source(graph, Value{static_cast<std::int32_t>(root(operand))}) ||
          !operand_rows(graph, v, i, {0, 1})) {
        result.whole[root(operand)] = true;
      }
    }
  }
  // A value read in a later phase than the one that computes it must be whole, which moves its readers to
  // a later phase still: repeat until nothing changes.
  for (bool changed = true; changed;) {
    changed = false;
    std::vector<int> root_phase(graph.nodes.size(), -1);
    const auto make_whole = [&](std::size_t r) {
      changed = changed || !result.whole[r];
      result.whole[r] = true;
    };
    for (const Value v : order) {
      int phase = 0;
      for (const Value operand : graph.at(v).inputs) {
        const std::size_t r = root(operand);
        phase = std::max(phase, root_phase[r] + (result.whole[r] ? 1 : 0));
      }
      result.phase[index_of(v)] = phase;
      for (const Value operand : graph.at(v).inputs) {
        if (root_phase[root(operand)] < phase) make_whole(root(operand));
      }
      int& own = root_phase[root(v)];
      if (own >= 0 && own != phase) make_whole(root(v));  // parts of a concatenation
      own = std::max(own, phase);
      result.count = std::max(result.count, phase + 1);
    }
  }
  return result;
}

std::vector<Range> strip_rows(const Lowered& graph, const std::vector<Value>& order, const Phases& phases,
                              int phase, int index, int count) {
  std::vector<Range> rows(graph.nodes.size());
  // A pixel shuffle in the store writes rows in groups; all parts of a concatenation take the same rows.
  std::vector<int> unit(graph.nodes.size(), 1);
  for (const Value v : order) {
    int& factor = unit[index_of(graph.root(v).parent)];
    factor = std::lcm(factor, graph.at(v).epilogue.shuffle);
  }
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    const Value v = *it;
    if (phases.phase[index_of(v)] != phase) continue;
    const std::size_t out = index_of(graph.root(v).parent);
    const int height = graph.shape(v).h;
    if (phases.whole[out]) {
      const int step = std::lcm(kStripAlignment, unit[out]);
      const auto edge = [&](int i) {
        if (i == count) return height;
        return static_cast<int>(static_cast<std::int64_t>(height) * i / count / step * step);
      };
      rows[out] = {edge(index), edge(index + 1)};
    } else {
      rows[out] = align_rows(rows[out], unit[out], height);
    }
    if (rows[out].empty()) continue;
    for (std::size_t i = 0; i < graph.at(v).inputs.size(); ++i) {
      const std::size_t in = index_of(graph.root(graph.at(v).inputs[i]).parent);
      if (phases.whole[in]) continue;
      // Only whole values may be needed without bound (find_phases).
      rows[in] = join(rows[in], operand_rows(graph, v, i, rows[out]).value());
    }
  }
  return rows;
}

}  // namespace unblur::vk
