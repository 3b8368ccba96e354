// SPDX-License-Identifier: MIT
// Building graphs, inferring shapes (odd sizes included) and what the messages say.
#include "graph/graph.h"

#include <gtest/gtest.h>

#include "graph/op_registry.h"
#include "model_error.h"

namespace unblur {
namespace {

/// Shape of one operator's output for a single operand of c x h x w.
Shape shape_of(const Op& op, Shape in) {
  Graph g;
  const Value x = g.add("x", op::Input{"x", in.c, 0});
  const Value y = g.add("y", op, {x});
  g.set_output("frame", y);
  return infer_shapes(g, in.h, in.w)[static_cast<std::size_t>(y.id)];
}

TEST(Shapes, OfEveryOperatorThatChangesThem) {
  struct Case {
    Op op;
    Shape in, out;
  };
  const Case cases[] = {
      {op::Conv2d{"w", "", 5, {3, 3}, {1, 1}, {1, 1}, 1, Margins::all(1)}, {3, 7, 11}, {5, 7, 11}},
      {op::Conv2d{"w", "", 5, {3, 3}, {2, 2}, {1, 1}, 1, Margins::all(1)}, {3, 7, 12}, {5, 4, 6}},
      {op::Conv2d{"w", "", 5, {3, 1}, {1, 3}, {2, 1}, 1, {0, 1, 0, 0}}, {3, 7, 11}, {5, 4, 4}},
      {op::Conv2d{"w", "", 6, {1, 1}, {1, 1}, {1, 1}, 3, {}}, {3, 1, 1}, {6, 1, 1}},
      {op::ConvTranspose2d{"w", "", 5, {4, 4}, {2, 2}, {1, 1}, {0, 0}, 1, Margins::all(1)},
       {3, 7, 11},
       {5, 14, 22}},
      {op::ConvTranspose2d{"w", "", 5, {3, 3}, {2, 2}, {1, 1}, {1, 0}, 1, Margins::all(1)},
       {3, 7, 11},
       {5, 14, 21}},
      {op::PixelShuffle{3}, {18, 5, 7}, {2, 15, 21}},
      {op::PixelUnshuffle{3}, {2, 15, 21}, {18, 5, 7}},
      {op::Resize{op::Interpolation::kBilinear, false, 2, 1}, {3, 5, 7}, {3, 10, 14}},
      {op::Resize{op::Interpolation::kNearest, false, 1, 2}, {3, 5, 7}, {3, 2, 3}},
      {op::Resize{op::Interpolation::kBilinear, true, 3, 2}, {3, 5, 7}, {3, 7, 10}},
      {op::Neighbourhood{3}, {2, 5, 7}, {18, 5, 7}},
      {op::Pad{{1, 2, 3, 4}, Border::kZero, 0}, {3, 5, 7}, {3, 8, 14}},
      {op::Pad{{}, Border::kReplicate, 16}, {3, 17, 16}, {3, 32, 16}},
      {op::Crop{{1, 2, 0, 1}, 0}, {3, 9, 7}, {3, 6, 6}},
      {op::Crop{{}, 4}, {3, 9, 7}, {3, 8, 4}},
      {op::Part{{2, 3}, {1, 2}}, {3, 8, 9}, {3, 4, 3}},
      {op::Slice{1, 2}, {4, 5, 7}, {2, 5, 7}},
      {op::ReduceSpace{}, {4, 5, 7}, {4, 1, 1}},
      {op::ReduceChannels{}, {4, 5, 7}, {1, 5, 7}},
      {op::SoftmaxChannels{}, {4, 5, 7}, {4, 5, 7}},
      {op::NormChannels{}, {4, 5, 7}, {4, 5, 7}},
      {op::ExposurePath{op::PathForm::kQuad, 15}, {4, 5, 7}, {30, 5, 7}},
      {op::ExposurePath{op::PathForm::kLin, 3}, {2, 5, 7}, {6, 5, 7}},
      {op::MotionTaps{"r"}, {26, 5, 7}, {18, 5, 7}},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(to_string(shape_of(c.op, c.in)), to_string(c.out)) << describe(c.op);
  }
}

TEST(Shapes, OfOperatorsWithSeveralOperands) {
  Graph g;
  const Value a = g.add("a", op::Input{"a", 4, 0});
  const Value flow = g.add("flow", op::Input{"flow", 2, 0});
  const Value rgb = g.add("rgb", op::Input{"rgb", 3, 0});
  const Value one = g.add("one", op::ReduceSpace{}, {a});
  const Value half = g.add("half", op::Resize{op::Interpolation::kBilinear, false, 1, 2}, {a});
  const Value moves = g.add("moves", op::Crop{{0, 5, 0, 6}}, {a});
  const std::pair<Value, Shape> expected[] = {
      {g.add("warp", op::Warp{}, {a, flow}), {4, 9, 13}},
      {g.add("mean", op::GatherMean{}, {rgb, a}), {3, 9, 13}},
      {g.add("deform", op::DeformConv2d{.weight = "w", .out_channels = 5, .kernel = {1, 1}}, {rgb, flow}),
       {5, 9, 13}},
      {g.add("deform_half",
             op::DeformConv2d{.weight = "v", .out_channels = 2, .kernel = {2, 1}, .stride = {2, 2}},
             {a, moves}),
       {2, 4, 7}},
      {g.add("correlation", op::Correlation{2, 2, true}, {a, a}), {25, 5, 7}},
      {g.add("volume", op::PixelVolume{1}, {rgb, rgb, flow}), {9, 9, 13}},
      {g.add("concat", op::Concat{}, {a, flow, rgb}), {9, 9, 13}},
      {g.add("broadcast", op::Binary{op::BinaryKind::kMul}, {one, a}), {4, 9, 13}},
      {g.add("like", op::Resize{}, {half, flow}), {4, 9, 13}},
      {g.add("join", op::Join{{2, 1}}, {a, a}), {4, 18, 13}},
      {g.add("crop_like", op::Crop{}, {a, half}), {4, 4, 6}},
      {g.add("pad_like", op::Pad{}, {half, a}), {4, 9, 13}},
  };
  g.set_output("frame", a);
  const auto shapes = infer_shapes(g, 9, 13);
  for (const auto& [value, shape] : expected) {
    EXPECT_EQ(to_string(shapes[static_cast<std::size_t>(value.id)]), to_string(shape)) << g.node(value).name;
  }
}

TEST(Shapes, StatesTakeTheShapeOfTheirInitialValue) {
  Graph g;
  const Value frame = g.add("frame", op::Input{"frame", 4, 0});
  const Value half = g.add("half", op::Resize{op::Interpolation::kBilinear, false, 1, 2}, {frame});
  const Value past = g.add_state("past", 4);
  const Value next = g.add("next", op::Binary{}, {half, past});
  g.set_state("past", next, half, true);
  g.set_output("frame", next);
  EXPECT_EQ(infer_shapes(g, 9, 13)[static_cast<std::size_t>(past.id)], (Shape{4, 4, 6}));
  g.set_state("past", frame, half, true);
  EXPECT_NE(model_error([&] { (void)infer_shapes(g, 9, 13); }).find("state 'past' is 4 x 4 x 6 but 'frame'"),
            std::string::npos);
}

TEST(Graph, ErrorsNameTheNodeAndItsOperator) {
  Graph g;
  const Value rgb = g.add("rgb", op::Input{"rgb", 3, 0});
  struct Case {
    Op op;
    std::vector<Value> in;
    const char* message;
  };
  const Case cases[] = {
      {op::Conv2d{"w", "", 5, {3, 3}, {1, 1}, {1, 1}, 2}, {rgb}, "2 groups do not divide 3 -> 5"},
      {op::Conv2d{"", "", 5}, {rgb}, "names no weight"},
      {op::PixelShuffle{2}, {rgb}, "3 channels are no multiple of 4"},
      {op::Warp{}, {rgb, rgb}, "flow has 3 channels"},
      {op::GatherMean{}, {rgb, rgb}, "offset has 3 channels, needs pairs"},
      {op::DeformConv2d{.weight = "w", .out_channels = 4}, {rgb}, "has 1 operands, needs 2 to 3"},
      {op::DeformConv2d{.weight = "w", .out_channels = 4}, {rgb, rgb}, "offset has 3 channels, needs 18"},
      {op::DeformConv2d{.weight = "w", .out_channels = 4, .deformable_groups = 2},
       {rgb, rgb},
       "2 deformable groups do not divide 3 channels"},
      {op::Slice{2, 2}, {rgb}, "[2, 2 + 2) lie outside 3"},
      {op::Part{{2, 2}, {0, 2}}, {rgb}, "index is 2, must be 0 to 1"},
      {op::Part{{0, 2}, {0, 0}}, {rgb}, "grid is 0"},
      {op::Join{{1, 2}}, {rgb}, "has 1 operands, needs 2"},
      {op::Join{{3, 2}}, {rgb}, "the number of parts is 6"},
      {op::ExposurePath{}, {rgb}, "control offsets have 3 channels, need 4"},
      {op::ExposurePath{op::PathForm::kLin, 4}, {rgb}, "4 points are no odd number"},
      {op::MotionTaps{"r"}, {rgb}, "need pairs of at least 12 points"},
      {op::Binary{}, {rgb}, "has 1 operands, needs 2"},
      {op::Neighbourhood{4}, {rgb}, "kernel 4 is even"},
      {op::Unary{}, {Value{7}}, "operand 7 is not an earlier value"},
      {op::Pad{{-1, 0, 0, 0}}, {rgb}, "a margin is -1"},
  };
  for (const Case& c : cases) {
    const std::string message = model_error([&] { g.add("b3.gate", c.op, c.in); });
    EXPECT_NE(message.find("node 'b3.gate' (" + std::string(op_name(c.op)) + ")"), std::string::npos)
        << message;
    EXPECT_NE(message.find(c.message), std::string::npos) << message;
  }
  EXPECT_EQ(g.nodes().size(), 1U);  // what failed left nothing behind
}

TEST(Graph, SizeErrorsNameTheNodeAndTheFrame) {
  Graph g;
  const Value x = g.add("frame", op::Input{"frame", 3, 0});
  g.set_output("frame", g.add("in.unshuffle", op::PixelUnshuffle{2}, {x}));
  const std::string message = model_error([&] { (void)infer_shapes(g, 9, 16); });
  EXPECT_NE(message.find("node 'in.unshuffle' (pixel_unshuffle) with frames of 16 x 9"), std::string::npos)
      << message;
  EXPECT_NE(message.find("no multiple of 2"), std::string::npos) << message;
  EXPECT_NE(model_error([&] { (void)infer_shapes(g, 0, 16); }).find("empty"), std::string::npos);
}

TEST(Graph, SharedParametersMustAgree) {
  Graph g;
  const Value x = g.add("x", op::Input{"x", 3, 0});
  const Value a = g.add("a", op::Conv2d{"w", "b", 3}, {x});
  g.add("again", op::Conv2d{"w", "b", 3}, {a});
  EXPECT_EQ(g.parameters().at("w"), (Dims{3, 3, 3, 3}));
  const std::string message = model_error([&] { g.add("other", op::Conv2d{"w", "b", 4}, {a}); });
  EXPECT_NE(message.find("'w' has shape [4, 3, 3, 3] here and [3, 3, 3, 3] elsewhere"), std::string::npos)
      << message;
}

TEST(Graph, ValidationFindsWhatBuildingCannot) {
  Graph g;
  const Value x = g.add("x", op::Input{"x", 3, 0});
  EXPECT_NE(model_error([&] { g.validate(); }).find("no output"), std::string::npos);
  g.set_output("frame", x);
  g.validate();
  const Value past = g.add_state("past", 3);
  EXPECT_NE(model_error([&] { g.validate(); }).find("'past' is fed by nothing"), std::string::npos);
  g.set_state("past", x, past);
  EXPECT_NE(model_error([&] { g.validate(); }).find("depends on 'state.past'"), std::string::npos);
  g.set_state("past", x, x);
  g.validate();
  EXPECT_NE(model_error([&] { g.set_output("frame", x); }).find("declared twice"), std::string::npos);
  EXPECT_NE(model_error([&] { (void)g.output("flow"); }).find("no output 'flow'"), std::string::npos);
  EXPECT_NE(model_error([&] { g.add_state("past", 3); }).find("declared twice"), std::string::npos);
}

TEST(Graph, MultiplyAddsOfConvolutionsAndCorrelation) {
  Graph g;
  const Value x = g.add("x", op::Input{"x", 8, 0});
  const Value a = g.add("a", op::Conv2d{"w", "", 16, {3, 3}, {2, 2}, {1, 1}, 2, Margins::all(1)}, {x});
  const Value b =
      g.add("b", op::ConvTranspose2d{"v", "", 8, {4, 4}, {2, 2}, {1, 1}, {0, 0}, 1, Margins::all(1)}, {a});
  g.set_output("frame", g.add("c", op::Correlation{1, 1, true}, {b, x}));
  const std::int64_t conv = 5 * 6 * 16 * 4 * 9;
  const std::int64_t up = 5 * 6 * 16 * 8 * 16;
  const std::int64_t match = 10 * 12 * 9 * 8;
  EXPECT_EQ(multiply_adds(g, 10, 12), conv + up + match);
  EXPECT_EQ(node_multiply_adds(g, infer_shapes(g, 10, 12))[1], conv);
}

TEST(Graph, DotShowsNodesEdgesAndStates) {
  Graph g;
  const Value x = g.add("in \"quoted\"", op::Input{"x", 3, 0});
  const Value past = g.add_state("past", 3);
  const Value sum = g.add("sum", op::Binary{}, {x, past});
  g.set_state("past", sum, x);
  g.set_output("frame", sum);
  const std::string dot = to_dot(g, infer_shapes(g, 4, 6));
  for (const char* part : {"digraph", "in \\\"quoted\\\"", "sum\\nbinary\\n3 x 4 x 6", "n0 -> n2;",
                           "n1 -> n2;", "n2 -> n1 [style=dashed", "\"out frame\""}) {
    EXPECT_NE(dot.find(part), std::string::npos) << part << "\n" << dot;
  }
  EXPECT_NE(to_dot(g).find("3 channels"), std::string::npos);
}

}  // namespace
}  // namespace unblur
