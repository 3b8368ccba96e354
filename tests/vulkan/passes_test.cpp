// SPDX-License-Identifier: MIT
// Graph passes, schedule and memory plan on their own: no device.
#include "vulkan/passes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "graph/error.h"
#include "graph/shorthand.h"
#include "vulkan/memory_plan.h"
#include "vulkan/plan.h"
#include "vulkan/schedule.h"

namespace unblur::vk {
namespace {

/// A model whose parameters are all ones, so that folded values are easy to name.
Model with_ones(Graph graph) {
  Model model;
  for (const auto& [name, dims] : graph.parameters()) {
    model.parameters[name] =
        Tensor::from_floats(dims, std::vector<float>(static_cast<std::size_t>(element_count(dims)), 1.0F));
  }
  model.graph = std::move(graph);
  return model;
}

Lowered lowered(const Model& model, int size = 16) {
  std::vector<Value> targets;
  for (const OutputSpec& output : model.graph.outputs()) targets.push_back(output.value);
  return lower(model, infer_shapes(model.graph, size, size), targets);
}

std::vector<std::string> step_names(const Lowered& graph) {
  std::vector<std::string> names;
  for (const Value v : steps_in_order(graph)) names.push_back(graph.at(v).name);
  return names;
}

using Names = std::vector<std::string>;

TEST(DropNoOps, ReplacesWhatChangesNothing) {
  Graph g;
  const Value x = g.add("x", op::Input{.name = "x", .channels = 8});
  Value y = g.add("affine", op::Affine{1.0F, 0.0F}, {x});
  y = g.add("slice", op::Slice{0, 8}, {y});
  y = g.add("pad", op::Pad{}, {y});
  y = g.add("relu", op::Unary{}, {y});
  g.set_output("frame", y);
  const Model model = with_ones(std::move(g));
  Lowered graph = lowered(model);
  drop_no_ops(graph);
  EXPECT_EQ(step_names(graph), Names{"relu"});
  EXPECT_EQ(graph.at(y).inputs, std::vector<Value>{x});
}

TEST(DropNoOps, KeepsAPinnedValueReachable) {
  Graph g;
  const Value x = g.add("x", op::Input{.name = "x", .channels = 8});
  const Value y = g.add("same", op::Affine{1.0F, 0.0F}, {x});
  g.set_output("frame", y);
  const Model model = with_ones(std::move(g));
  Lowered graph = lowered(model);
  drop_no_ops(graph);
  EXPECT_EQ(graph.resolve(y), x);
  EXPECT_TRUE(graph.is_pinned(x));
}

TEST(FuseEpilogues, TakesActivationResidualActivationClamp) {
  Graph g;
  const Value x = g.add("x", op::Input{.name = "x", .channels = 8});
  Value y = add_conv(g, "conv", x, 8);
  y = g.add("relu", op::Unary{op::UnaryKind::kRelu}, {y});
  y = g.add("add", op::Binary{}, {x, y});
  y = g.add("tanh", op::Unary{op::UnaryKind::kTanh}, {y});
  y = g.add("clamp", op::Clamp{}, {y});
  g.set_output("frame", y);
  const Model model = with_ones(std::move(g));
  Lowered graph = lowered(model);
  fuse_epilogues(graph);
  ASSERT_EQ(step_names(graph), Names{"conv"});
  const LoweredNode& node = graph.at(y);
  EXPECT_EQ(node.epilogue.activation->kind, op::UnaryKind::kRelu);
  EXPECT_TRUE(node.epilogue.residual);
  EXPECT_EQ(node.epilogue.post_activation->kind, op::UnaryKind::kTanh);
  EXPECT_TRUE(node.epilogue.clamp.has_value());
  EXPECT_EQ(node.inputs, (std::vector<Value>{x, x}));
  EXPECT_EQ(node.covers.size(), 5U);
}

TEST(FuseEpilogues, DeformableConvolutionsFuseToo) {
  Graph g;
  const Value x = g.add("x", op::Input{.name = "x", .channels = 8});
  const Value offset = g.add("offset", op::Input{.name = "offset", .channels = 18});
  const Value y = g.add("relu", op::Unary{}, {add_deform_conv(g, "first", x, offset, 8)});
  const Value sum = g.add("sum", op::Binary{}, {x, add_deform_conv(g, "second", y, offset, 8)});
  g.set_output("frame", sum);
  const Model model = with_ones(std::move(g));
  Lowered graph = lowered(model);
  fuse_epilogues(graph);
  EXPECT_EQ(step_names(graph), (Names{"first", "second"}));
  EXPECT_EQ(graph.at(sum).inputs, (std::vector<Value>{y, offset, x}));
}

TEST(FuseEpilogues, ShuffleComesBeforeTheResidualOnly) {
  Graph g;
  const Value x = g.add("x", op::Input{.name = "x", .channels = 8});
  const Value up = g.add("up", op::PixelShuffle{.factor = 2}, {add_conv(g, "conv", x, 32)});
  const Value skip = g.add("skip", op::Resize{.numerator = 2}, {x});
  const Value sum = g.add("sum", op::Binary{}, {up, skip});
  const Value late =
      g.add("late", op::PixelShuffle{.factor = 2}, {g.add("r", op::Binary{}, {add_conv(g, "c2", x, 8), x})});
  g.set_output("frame", sum);
  g.set_output("late", late);
  const Model model = with_ones(std::move(g));
  Lowered graph = lowered(model);
  fuse_epilogues(graph);
  EXPECT_EQ(graph.at(sum).epilogue.shuffle, 2);
  EXPECT_TRUE(graph.at(sum).epilogue.residual);
  EXPECT_EQ(graph.at(sum).inputs, (std::vector<Value>{x, skip}));
  // A residual that was added before the shuffle would have to be shuffled, too.
  EXPECT_TRUE(std::holds_alternative<op::PixelShuffle>(graph.at(late).op));
}

TEST(FuseEpilogues, LeavesValuesThatOthersReadOrThatAreOutputs) {
  Graph g;
  const Value x = g.add("x", op::Input{.name = "x", .channels = 8});
  const Value a = add_conv(g, "a", x, 8);
  const Value relu = g.add("relu", op::Unary{}, {a});
  const Value b = add_conv(g, "b", relu, 8);
  const Value tanh = g.add("tanh", op::Unary{op::UnaryKind::kTanh}, {b});
  g.set_output("frame", g.add("sum", op::Binary{}, {tanh, a}));
  g.set_output("b", b);
  const Model model = with_ones(std::move(g));
  Lowered graph = lowered(model);
  fuse_epilogues(graph);
  EXPECT_EQ(step_names(graph), (Names{"a", "relu", "b", "tanh", "sum"}));
}

TEST(FoldAffine, MovesIntoTheConvolutionBefore) {
  Graph g;
  const Value x = g.add("x", op::Input{.name = "x", .channels = 2});
  const Value y = g.add("affine", op::Affine{3.0F, 0.5F}, {add_conv(g, "conv", x, 4, 1)});
  g.set_output("frame", y);
  const Model model = with_ones(std::move(g));
  Lowered graph = lowered(model);
  fold_affine(graph);
  ASSERT_EQ(step_names(graph), Names{"conv"});
  const auto& folded = std::get<op::Conv2d>(graph.at(y).op);
  EXPECT_EQ(graph.at(y).parameters->at(folded.weight).to_floats(), std::vector<float>(8, 3.0F));
  EXPECT_EQ(graph.at(y).parameters->at(folded.bias).to_floats(), std::vector<float>(4, 3.5F));
}

TEST(FoldAffine, MovesForwardButNoShiftPastAZeroBorder) {
  Graph g;
  const Value x = g.add("x", op::Input{.name = "x", .channels = 2});
  const Value scaled = g.add("scaled", op::Affine{2.0F, 0.0F}, {x});
  const Value shifted = g.add("shifted", op::Affine{2.0F, 1.0F}, {x});
  const Value inner = add_conv(g, "inner", g.add("one", op::Affine{2.0F, 1.0F}, {x}), 4, 1);
  g.set_output("a", add_conv(g, "padded", scaled, 4));
  g.set_output("b", add_conv(g, "kept", shifted, 4));
  g.set_output("frame", inner);
  const Model model = with_ones(std::move(g));
  Lowered graph = lowered(model);
  fold_affine(graph);
  EXPECT_EQ(step_names(graph), (Names{"shifted", "inner", "padded", "kept"}));
  const auto& folded = std::get<op::Conv2d>(graph.at(inner).op);
  EXPECT_EQ(graph.at(inner).parameters->at(folded.bias).to_floats(), std::vector<float>(4, 3.0F));
}

TEST(PlaceConcats, AlignedOperandsAreWrittenInPlace) {
  Graph g;
  const Value x = g.add("x", op::Input{.name = "x", .channels = 8});
  const Value state = g.add_state("s", 8);
  const Value a = add_conv(g, "a", x, 16);
  const Value b = add_conv(g, "b", x, 3);
  const Value all = g.add("all", op::Concat{}, {a, state, b});
  g.set_output("frame", add_conv(g, "last", all, 8));
  g.set_state("s", x, x);
  const Model model = with_ones(std::move(g));
  Lowered graph = lowered(model);
  place_concats(graph);
  // The state keeps its own memory: it is copied beside the others.
  EXPECT_EQ(step_names(graph), (Names{"a", "b", "all.1", "last"}));
  EXPECT_EQ(graph.root(a).parent, all);
  EXPECT_EQ(graph.root(b).offset, 24);
  EXPECT_EQ(graph.view(b, Storage::kF32).pixel_stride, 32);
}

TEST(PlaceConcats, UnalignedOnesStayKernelsAndWideOnesAreSplit) {
  Graph g;
  const Value x = g.add("x", op::Input{.name = "x", .channels = 3});
  std::vector<Value> parts;
  for (int i = 0; i < 7; ++i) parts.push_back(g.add("part" + std::to_string(i), op::Unary{}, {x}));
  const Value all = g.add("all", op::Concat{}, parts);
  g.set_output("frame", all);
  const Model model = with_ones(std::move(g));
  Lowered graph = lowered(model);
  place_concats(graph);
  const std::vector<Value> order = steps_in_order(graph);
  EXPECT_EQ(graph.at(order.back()).name, "all");
  EXPECT_EQ(graph.at(order[order.size() - 2]).name, "all.part");
  for (const Value v : order) EXPECT_LE(graph.at(v).inputs.size(), kMaxBuffers - 1U);
}

TEST(JoinMoves, AnUnshuffleGathersWhatOnlyItReads) {
  Graph g;
  const Value a = g.add("a", op::Input{.name = "a", .channels = 3});
  const Value b = g.add("b", op::Input{.name = "b", .channels = 8});
  const Value unaligned = g.add("unaligned", op::Concat{}, {a, b});
  const Value aligned = g.add("aligned", op::Concat{}, {b, a});
  const Value shared = g.add("shared", op::Concat{}, {a, a});
  const Value joined = g.add("joined", op::PixelUnshuffle{2}, {unaligned});
  g.set_output("joined", joined);
  g.set_output("in_place", g.add("in_place", op::PixelUnshuffle{2}, {aligned}));
  g.set_output("alone", g.add("alone", op::PixelUnshuffle{2}, {shared}));
  g.set_output("reader", g.add("reader", op::Unary{}, {shared}));
  const Model model = with_ones(std::move(g));
  Lowered graph = lowered(model);
  join_moves(graph);
  EXPECT_EQ(graph.at(joined).inputs, (std::vector<Value>{a, b}));
  EXPECT_EQ(graph.at(joined).covers, (std::vector<Value>{unaligned, joined}));
  EXPECT_FALSE(graph.at(unaligned).alive);
  EXPECT_TRUE(graph.at(aligned).alive);
  EXPECT_TRUE(graph.at(shared).alive);
}

TEST(ViewSlices, OnlyWholeBlocksOrTheEnd) {
  Graph g;
  const Value x = g.add("x", op::Input{.name = "x", .channels = 20});
  const Value y = g.add("y", op::Unary{}, {x});
  const Value first = g.add("first", op::Slice{0, 8}, {y});
  const Value end = g.add("end", op::Slice{8, 12}, {y});
  const Value middle = g.add("middle", op::Slice{0, 12}, {y});
  g.set_output("frame", g.add("sum", op::Binary{}, {end, middle}));
  g.set_output("other", g.add("relu", op::Unary{}, {first}));
  const Model model = with_ones(std::move(g));
  Lowered graph = lowered(model);
  view_slices(graph);
  EXPECT_EQ(graph.root(end).parent, y);
  EXPECT_EQ(graph.root(end).offset, 8);
  EXPECT_EQ(graph.root(first).parent, y);
  // Its padding channels would be those of the next block, not zeros.
  EXPECT_EQ(graph.root(middle).parent, middle);
}

TEST(Phases, CutWhereAnyRowMayBeRead) {
  Graph g;
  const Value x = g.add("x", op::Input{.name = "x", .channels = 8});
  const Value a = add_conv(g, "a", x, 8);
  const Value flow = add_conv(g, "flow", a, 2);
  const Value warped = g.add("warped", op::Warp{}, {a, flow});
  const Value b = add_conv(g, "b", warped, 8);
  const Value sum = g.add("sum", op::Binary{}, {b, a});
  g.set_output("frame", sum);
  const Model model = with_ones(std::move(g));
  const Lowered graph = lowered(model, 64);
  const Phases phases = find_phases(graph, steps_in_order(graph));
  const auto whole = [&](Value v) { return static_cast<bool>(phases.whole[static_cast<std::size_t>(v.id)]); };
  const auto phase = [&](Value v) { return phases.phase[static_cast<std::size_t>(v.id)]; };
  EXPECT_TRUE(whole(x) && whole(a) && whole(sum));
  EXPECT_FALSE(whole(warped));
  EXPECT_FALSE(whole(b));
  EXPECT_EQ(phase(a), 0);
  EXPECT_EQ(phase(warped), phase(b));
  EXPECT_GT(phase(warped), phase(a));
}

TEST(Strips, WhatADeformableConvolutionSamplesStaysWhole) {
  Graph g;
  const Value x = g.add("x", op::Input{.name = "x", .channels = 18});
  const Value features = add_conv(g, "features", x, 8);
  const Value moved = add_deform_conv(g, "deform", features, x, 8);
  const Value last = add_conv(g, "last", moved, 8);
  g.set_output("frame", last);
  const Model model = with_ones(std::move(g));
  const Lowered graph = lowered(model, 64);
  const Phases phases = find_phases(graph, steps_in_order(graph));
  EXPECT_TRUE(phases.whole[index_of(features)]);
  EXPECT_FALSE(phases.whole[index_of(moved)]);
  EXPECT_EQ(phases.count, 2);
  EXPECT_EQ(phases.phase[index_of(moved)], phases.phase[index_of(last)]);
}

TEST(Strips, CoverEveryRowOnceAndCarryHalos) {
  Graph g;
  const Value x = g.add("x", op::Input{.name = "x", .channels = 8});
  const Value a = add_conv(g, "a", x, 8);
  const Value b = add_conv(g, "b", a, 8, 5);
  g.set_output("frame", b);
  const Model model = with_ones(std::move(g));
  const Lowered graph = lowered(model, 100);
  const std::vector<Value> order = steps_in_order(graph);
  const Phases phases = find_phases(graph, order);
  int covered = 0;
  for (int s = 0; s < 3; ++s) {
    const std::vector<Range> rows = strip_rows(graph, order, phases, 0, s, 3);
    const Range out = rows[static_cast<std::size_t>(b.id)];
    const Range halo = rows[static_cast<std::size_t>(a.id)];
    EXPECT_EQ(out.begin, covered);
    covered = out.end;
    EXPECT_EQ(halo.begin, std::max(0, out.begin - 2));
    EXPECT_EQ(halo.end, std::min(100, out.end + 2));
  }
  EXPECT_EQ(covered, 100);
}

/// A copy of a value that already lies in another state's memory looks like a no-op and must stay.
TEST(Plan, StatesThatOneValueFeedsAreAllWritten) {
  Graph g;
  const Value x = g.add("x", op::Input{.name = "x", .channels = 8});
  const Value a = g.add_state("a", 8);
  const Value b = g.add_state("b", 8);
  const Value c = g.add_state("c", 8);
  const Value y = add_conv(g, "conv", g.add("all", op::Concat{}, {x, a, b, c}), 8);
  g.set_output("frame", y);
  g.set_state("a", y, x);
  g.set_state("b", y, x);
  g.set_state("c", y, x);
  const Model model = with_ones(std::move(g));
  PhysicalDevice device;
  device.limits.max_allocation = 1U << 30U;
  device.caps.buffer_device_address = true;
  for (const bool first : {true, false}) {
    PlanRequest request{.model = &model, .device = &device, .height = 16, .width = 16};
    const auto states = model.graph.states();
    for (int i = 0; i < 3; ++i) {
      const StateSpec& state = states[static_cast<std::size_t>(i)];
      request.feeds.push_back({i, first ? state.initial : state.next});
    }
    const Plan plan = make_plan(request);
    std::vector<int> written;
    const auto note = [&](Value v) {
      const Residence& home = plan.residence(v);
      if (home.home == Home::kStateNext) written.push_back(home.state);
    };
    for (const Value v : plan.inputs) note(v);
    for (const PlannedStep& step : plan.steps) note(step.output);
    std::ranges::sort(written);
    EXPECT_EQ(written, (std::vector{0, 1, 2})) << (first ? "first frame" : "later frames");
  }
}

TEST(MemoryPlan, NeverOverlapsWhatLivesTogether) {
  std::mt19937 random(3);
  for (int round = 0; round < 50; ++round) {
    std::vector<Lifetime> lives;
    for (int i = 0; i < 40; ++i) {
      const int first = static_cast<int>(random() % 30);
      lives.push_back({random() % 5000, first, first + static_cast<int>(random() % 8)});
    }
    const MemoryPlan plan = plan_memory(lives, 256, 16384);
    for (std::size_t i = 0; i < lives.size(); ++i) {
      EXPECT_EQ(plan.offsets[i] % 256, 0U);
      EXPECT_EQ(plan.offsets[i] / 16384,
                (plan.offsets[i] + std::max<std::uint64_t>(lives[i].bytes, 1) - 1) / 16384);
      for (std::size_t k = 0; k < i; ++k) {
        const bool together = lives[i].first <= lives[k].last && lives[k].first <= lives[i].last;
        const bool apart = plan.offsets[i] + lives[i].bytes <= plan.offsets[k] ||
                           plan.offsets[k] + lives[k].bytes <= plan.offsets[i];
        EXPECT_TRUE(!together || apart) << i << " and " << k;
      }
    }
    EXPECT_LE(plan.bytes, plan_memory(lives, 256, 16384, false).bytes);
  }
  const Lifetime large{20000, 0, 0};
  EXPECT_THROW((void)plan_memory({&large, 1}, 256, 16384), MemoryError);
}

}  // namespace
}  // namespace unblur::vk
