// SPDX-License-Identifier: MIT
#include "vulkan/passes.h"

#include <algorithm>
#include <optional>

namespace unblur::vk {
namespace {

template <typename Visit>
void for_each_alive(Lowered& graph, Visit visit) {
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(graph.nodes.size()); ++i) {
    if (graph.nodes[static_cast<std::size_t>(i)].alive) visit(Value{i});
  }
}

bool is_no_op(const Lowered& graph, Value v) {
  const LoweredNode& node = graph.at(v);
  if (node.inputs.empty() || graph.shape(v) != graph.shape(node.inputs[0])) return false;
  if (const auto* affine = std::get_if<op::Affine>(&node.op)) {
    return affine->scale == 1.0F && affine->shift == 0.0F;
  }
  if (const auto* affine = std::get_if<op::ChannelAffine>(&node.op)) {
    return affine->scale.empty() && affine->shift.empty();
  }
  if (const auto* shuffle = std::get_if<op::PixelShuffle>(&node.op)) return shuffle->factor == 1;
  if (const auto* shuffle = std::get_if<op::PixelUnshuffle>(&node.op)) return shuffle->factor == 1;
  if (const auto* crop = std::get_if<op::Crop>(&node.op)) return crop->margins == Margins{};
  if (const auto* pad = std::get_if<op::Pad>(&node.op)) return pad->margins == Margins{};
  // Same channels in and out: everything was taken. A resize to the same size samples the pixel centres.
  return std::holds_alternative<op::Slice>(node.op) || std::holds_alternative<op::Resize>(node.op) ||
         (std::holds_alternative<op::Concat>(node.op) && node.inputs.size() == 1);
}

/// Removes `v` and lets everything that read it read `replacement`.
void replace(Lowered& graph, Value v, Value replacement) {
  graph.at(v).alive = false;
  graph.same_as[static_cast<std::size_t>(v.id)] = replacement;
  for (LoweredNode& node : graph.nodes) std::ranges::replace(node.inputs, v, replacement);
  std::ranges::replace(graph.pinned, v, replacement);
}

// ---- fuse_epilogues ----

bool same_shape(const Lowered& graph, Value a, Value b) { return graph.shape(a) == graph.shape(b); }

/// The convolution that `v` may be merged into: read by nothing else, not kept for its own sake.
bool may_absorb(const Lowered& graph, Value conv) {
  const LoweredNode& node = graph.at(conv);
  return node.alive && is_convolution(node.op) && graph.uses(conv) == 1 && !graph.is_pinned(conv);
}

/// Extends the epilogue `e` by the operator of node `v`; false where its order does not allow that.
bool extend(Epilogue& e, const Op& op) {
  if (const auto* unary = std::get_if<op::Unary>(&op)) {
    if (e.post_activation || e.clamp) return false;
    (e.activation || e.residual ? e.post_activation : e.activation) = *unary;
    return true;
  }
  if (const auto* clamp = std::get_if<op::Clamp>(&op)) {
    if (e.clamp) return false;
    e.clamp = *clamp;
    return true;
  }
  if (const auto* shuffle = std::get_if<op::PixelShuffle>(&op)) {
    if (e.shuffle != 1 || e.residual) return false;  // a residual would have the unshuffled shape
    e.shuffle = shuffle->factor;
    e.shuffle_order = shuffle->order;
    return true;
  }
  if (const auto* binary = std::get_if<op::Binary>(&op)) {
    if (binary->kind != op::BinaryKind::kAdd || e.residual || e.post_activation || e.clamp) return false;
    e.residual = true;
    return true;
  }
  return false;
}

/// Merges convolution `conv` into its only reader `v`.
bool try_fuse(Lowered& graph, Value conv, Value v) {
  LoweredNode& reader = graph.at(v);
  if (!may_absorb(graph, conv)) return false;
  LoweredNode merged = graph.at(conv);
  if (!extend(merged.epilogue, reader.op)) return false;
  if (std::holds_alternative<op::Binary>(reader.op)) {
    const Value other = reader.inputs[0] == conv ? reader.inputs[1] : reader.inputs[0];
    if (!same_shape(graph, conv, v) || !same_shape(graph, other, v)) return false;
    merged.inputs.push_back(other);
  }
  merged.covers.insert(merged.covers.end(), reader.covers.begin(), reader.covers.end());
  graph.at(conv).alive = false;
  reader = std::move(merged);
  return true;
}

// ---- placement ----

bool aligned(int channels) { return channels % 8 == 0; }

bool owns_buffer(const Lowered& graph, Value v) {
  return graph.placement[static_cast<std::size_t>(v.id)].parent == v;
}

/// All operands begin at multiples of 8 channels.
bool is_aligned_concat(const Lowered& graph, const LoweredNode& node) {
  int offset = 0;
  for (const Value operand : node.inputs) {
    if (!aligned(offset)) return false;
    offset += graph.shape(operand).c;
  }
  return true;
}

/// Splits a concatenation of more operands than a kernel takes: its first operands become one value. There is
/// no graph value for that, so a new one is appended (its node must come before its reader: see
/// steps_in_order).
void split_wide_concat(Lowered& graph, Value v) {
  constexpr std::size_t kMost = kMaxBuffers - 1;
  while (graph.at(v).inputs.size() > kMost) {
    LoweredNode& node = graph.at(v);
    const Value part{static_cast<std::int32_t>(graph.nodes.size())};
    Shape shape = graph.shape(v);
    shape.c = 0;
    LoweredNode first{node.name + ".part", op::Concat{}, {}, {}, {part}, node.parameters, true};
    for (std::size_t i = 0; i < kMost; ++i) {
      first.inputs.push_back(node.inputs[i]);
      shape.c += graph.shape(node.inputs[i]).c;
    }
    node.inputs.erase(node.inputs.begin(), node.inputs.begin() + kMost);
    node.inputs.insert(node.inputs.begin(), part);
    graph.nodes.push_back(std::move(first));
    graph.shapes.push_back(shape);
    graph.same_as.push_back(part);
    graph.placement.push_back({part, 0});
  }
}

/// A copy of `operand` as a value of its own, which can then be placed.
Value append_copy(Lowered& graph, Value operand, const std::string& name) {
  const Value copy{static_cast<std::int32_t>(graph.nodes.size())};
  const Shape shape = graph.shape(operand);
  graph.nodes.push_back({name, op::Slice{0, shape.c}, {}, {operand}, {copy}, nullptr, true});
  graph.shapes.push_back(shape);
  graph.same_as.push_back(copy);
  graph.placement.push_back({copy, 0});
  return copy;
}

bool is_state(const Lowered& graph, Value v) { return std::holds_alternative<op::State>(graph.at(v).op); }

void place_concat(Lowered& graph, Value v) {
  if (!is_aligned_concat(graph, graph.at(v))) {
    split_wide_concat(graph, v);
    return;
  }
  int offset = 0;
  const std::vector<Value> operands = graph.at(v).inputs;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    Value operand = operands[i];
    const bool again = std::find(operands.begin(), operands.begin() + static_cast<std::ptrdiff_t>(i),
                                 operand) != operands.begin() + static_cast<std::ptrdiff_t>(i);
    // A pinned value keeps its own buffer: it may be what a state reads on the next frame.
    if (again || !owns_buffer(graph, operand) || is_state(graph, operand) || graph.is_pinned(operand)) {
      operand = append_copy(graph, operand, graph.at(v).name + "." + std::to_string(i));
      graph.at(v).inputs[i] = operand;
    }
    graph.placement[static_cast<std::size_t>(operand.id)] = {v, offset};
    offset += graph.shape(operand).c;
  }
}

}  // namespace

void drop_no_ops(Lowered& graph) {
  for_each_alive(graph, [&](Value v) {
    if (is_no_op(graph, v)) replace(graph, v, graph.at(v).inputs[0]);
  });
}

void fuse_epilogues(Lowered& graph) {
  for_each_alive(graph, [&](Value v) {
    // The later operand of an addition first: the other one is then there when its convolution ends.
    std::vector<Value> candidates = graph.at(v).inputs;
    std::ranges::sort(candidates, [](Value a, Value b) { return a.id > b.id; });
    for (const Value candidate : candidates) {
      if (try_fuse(graph, candidate, v)) break;
    }
  });
}

void view_slices(Lowered& graph) {
  for_each_alive(graph, [&](Value v) {
    const auto* slice = std::get_if<op::Slice>(&graph.at(v).op);
    if (slice == nullptr || graph.is_pinned(v)) return;
    const Value whole = graph.at(v).inputs[0];
    const bool to_the_end = slice->begin + slice->count == graph.shape(whole).c;
    // Kernels may read the padding channels behind a view, so they must be zeros: whole blocks or the end.
    if (!aligned(slice->begin) || !(aligned(slice->count) || to_the_end)) return;
    graph.placement[static_cast<std::size_t>(v.id)] = {whole, slice->begin};
  });
}

void join_moves(Lowered& graph) {
  for_each_alive(graph, [&](Value v) {
    LoweredNode& node = graph.at(v);
    if (!std::holds_alternative<op::PixelUnshuffle>(node.op)) return;
    const Value joined = node.inputs[0];
    LoweredNode& concat = graph.at(joined);
    if (!concat.alive || !std::holds_alternative<op::Concat>(concat.op) || graph.is_pinned(joined)) return;
    if (graph.uses(joined) != 1 || concat.inputs.size() >= kMaxBuffers || is_aligned_concat(graph, concat))
      return;
    node.inputs = concat.inputs;
    node.covers.insert(node.covers.begin(), concat.covers.begin(), concat.covers.end());
    concat.alive = false;
  });
}

void place_concats(Lowered& graph) {
  for_each_alive(graph, [&](Value v) {
    if (std::holds_alternative<op::Concat>(graph.at(v).op)) place_concat(graph, v);
  });
}

void run_passes(Lowered& graph, bool fuse) {
  if (fuse) {
    fold_affine(graph);
    fuse_epilogues(graph);
    view_slices(graph);
    join_moves(graph);
  }
  place_concats(graph);
}

}  // namespace unblur::vk
