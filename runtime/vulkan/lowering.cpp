// SPDX-License-Identifier: MIT
#include "vulkan/lowering.h"

#include <algorithm>

namespace unblur::vk {

Value Lowered::resolve(Value v) const {
  while (same_as[static_cast<std::size_t>(v.id)] != v) v = same_as[static_cast<std::size_t>(v.id)];
  return v;
}

bool Lowered::is_pinned(Value v) const { return std::ranges::find(pinned, v) != pinned.end(); }

int Lowered::uses(Value v) const {
  int count = 0;
  for (const LoweredNode& node : nodes) {
    if (node.alive) count += static_cast<int>(std::ranges::count(node.inputs, v));
  }
  return count;
}

Placement Lowered::root(Value v) const {
  Placement found{v, 0};
  for (;;) {
    const Placement& p = placement[static_cast<std::size_t>(found.parent.id)];
    if (p.parent == found.parent) return found;
    found = {p.parent, found.offset + p.offset};
  }
}

TensorView Lowered::view(Value v, Storage storage) const {
  const Placement place = root(v);
  const Shape& own = shape(v);
  return {own.c, own.h, own.w, (shape(place.parent).c + 7) / 8 * 8, place.offset, storage};
}

Lowered lower(const Model& model, std::vector<Shape> shapes, std::span<const Value> targets) {
  const std::span<const Node> nodes = model.graph.nodes();
  const std::vector<bool> needed = ancestors(model.graph, targets);
  Lowered result;
  result.shapes = std::move(shapes);
  result.pinned.assign(targets.begin(), targets.end());
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(nodes.size()); ++i) {
    const auto index = static_cast<std::size_t>(i);
    const Node& node = nodes[index];
    const Value self{i};
    result.nodes.push_back({node.name, node.op, {}, node.inputs, {self}, &model.parameters, needed[index]});
    result.same_as.push_back(self);
    result.placement.push_back({self, 0});
  }
  return result;
}

}  // namespace unblur::vk
