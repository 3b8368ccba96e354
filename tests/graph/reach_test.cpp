// SPDX-License-Identifier: MIT
// The rows that operators need, checked against what a change of one input row does to the output: a
// plain interpreter with one column and one channel stands for every executor.
#include "graph/reach.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "graph/op_registry.h"
#include "graph/op_rules.h"

namespace unblur {
namespace {

const op::Conv2d& conv(const Op& op) { return std::get<op::Conv2d>(op); }

int mirrored(int i, int size, Border border) {
  if (border == Border::kReplicate) return std::clamp(i, 0, size - 1);
  if (border == Border::kReflect) return i < 0 ? -i : i >= size ? 2 * size - 2 - i : i;
  return i >= 0 && i < size ? i : -1;
}

/// Rows of the input that output row y reads, straight from the formulas of ops.h; -1 is padding.
std::vector<int> rows_read(const Op& op, int y, int in_size, int out_size) {
  std::vector<int> rows;
  if (std::holds_alternative<op::Conv2d>(op)) {
    const auto& o = conv(op);
    for (int k = 0; k < o.kernel.h; ++k) {
      rows.push_back(mirrored(y * o.stride.h + k * o.dilation.h - o.pad.top, in_size, o.border));
    }
  } else if (const auto* t = std::get_if<op::ConvTranspose2d>(&op)) {
    for (int i = 0; i < in_size; ++i) {
      for (int k = 0; k < t->kernel.h; ++k) {
        if (i * t->stride.h - t->pad.top + k * t->dilation.h == y) rows.push_back(i);
      }
    }
  } else if (const auto* r = std::get_if<op::Resize>(&op)) {
    const double position = r->align_corners
                                ? (out_size > 1 ? y * (in_size - 1.0) / (out_size - 1.0) : 0.0)
                                : std::clamp((y + 0.5) * in_size / out_size - 0.5, 0.0, in_size - 1.0);
    const int low = static_cast<int>(position);
    if (r->interpolation == op::Interpolation::kBilinear) {
      rows = {low, std::min(low + 1, in_size - 1)};
    } else {
      rows = {r->align_corners ? static_cast<int>(std::floor(position + 0.5)) : y * in_size / out_size};
    }
  } else if (const auto* p = std::get_if<op::Pad>(&op)) {
    rows.push_back(mirrored(y - p->margins.top, in_size, p->border));
  } else if (const auto* c = std::get_if<op::Crop>(&op)) {
    rows.push_back(y + c->margins.top);
  } else if (const auto* n = std::get_if<op::Neighbourhood>(&op)) {
    for (int k = 0; k < n->kernel; ++k)
      rows.push_back(mirrored(y + k - n->kernel / 2, in_size, Border::kZero));
  } else if (const auto* s = std::get_if<op::PixelShuffle>(&op)) {
    rows.push_back(y / s->factor);
  } else if (const auto* u = std::get_if<op::PixelUnshuffle>(&op)) {
    for (int k = 0; k < u->factor; ++k) rows.push_back(y * u->factor + k);
  }
  return rows;
}

std::vector<Op> cases() {
  std::vector<Op> ops;
  for (const Border border : {Border::kZero, Border::kReflect, Border::kReplicate}) {
    for (const int stride : {1, 2, 3}) {
      ops.push_back(op::Conv2d{"w", "", 1, {3, 3}, {stride, 1}, {1, 1}, 1, {1, 1, 1, 1}, border});
      ops.push_back(op::Conv2d{"w", "", 1, {5, 1}, {stride, 1}, {2, 1}, 1, {4, 3, 0, 0}, border});
      ops.push_back(op::Conv2d{"w", "", 1, {2, 1}, {stride, 1}, {3, 1}, 1, {0, 2, 0, 0}, border});
    }
    ops.push_back(op::Pad{{3, 5, 0, 0}, border, 8});
  }
  ops.push_back(op::ConvTranspose2d{"w", "", 1, {4, 4}, {2, 2}, {1, 1}, {0, 0}, 1, {1, 1, 1, 1}});
  ops.push_back(op::ConvTranspose2d{"w", "", 1, {3, 3}, {3, 3}, {2, 1}, {1, 0}, 1, {2, 0, 0, 0}});
  for (const bool corners : {false, true}) {
    for (const auto kind : {op::Interpolation::kNearest, op::Interpolation::kBilinear}) {
      ops.push_back(op::Resize{kind, corners, 2, 1});
      ops.push_back(op::Resize{kind, corners, 1, 2});
      ops.push_back(op::Resize{kind, corners, 3, 5});
    }
  }
  ops.push_back(op::Crop{{2, 1, 0, 0}, 2});
  ops.push_back(op::Neighbourhood{5});
  ops.push_back(op::PixelUnshuffle{2});
  return ops;
}

/// Rows that a range may hold beyond those read: a range has no gaps between dilated taps, and resizes keep
/// one row more for rounding (and bilinear weights of zero).
int slack_of(const Op& op) {
  if (std::holds_alternative<op::Resize>(op)) return 2;
  if (std::holds_alternative<op::Conv2d>(op)) return conv(op).dilation.h - 1;
  if (const auto* t = std::get_if<op::ConvTranspose2d>(&op)) return t->dilation.h - 1;
  return 0;
}

TEST(Reach, RangesHoldEveryRowReadAndLittleElse) {
  for (const Op& op : cases()) {
    for (const int in_size : {12, 14}) {
      const Shape in{1, in_size, in_size};
      const int out_size = output_shape(op, std::array{in}, 1).h;
      const int slack = slack_of(op);
      for (int begin = 0; begin < out_size; ++begin) {
        for (int end = begin + 1; end <= out_size; ++end) {
          int low = in_size;
          int high = -1;
          for (int y = begin; y < end; ++y) {
            for (const int row : rows_read(op, y, in_size, out_size)) {
              if (row < 0) continue;
              low = std::min(low, row);
              high = std::max(high, row);
            }
          }
          const auto range = needed_range(op, 0, Axis::kRows, {begin, end}, in_size, out_size);
          ASSERT_TRUE(range.has_value());
          if (high < 0) {
            EXPECT_LE(range->end - range->begin, slack) << describe(op);
            continue;
          }
          ASSERT_LE(range->begin, low) << describe(op) << " rows " << begin << " to " << end;
          ASSERT_GE(range->end, high + 1) << describe(op) << " rows " << begin << " to " << end;
          ASSERT_GE(range->begin, low - slack) << describe(op) << " rows " << begin << " to " << end;
          ASSERT_LE(range->end, high + 1 + slack) << describe(op) << " rows " << begin << " to " << end;
        }
      }
    }
  }
}

TEST(Reach, ColumnsUseTheOtherAttributes) {
  const op::Conv2d o{"w", "", 1, {1, 7}, {1, 2}, {1, 1}, 1, {0, 0, 3, 3}};
  EXPECT_EQ(needed_range(o, 0, Axis::kRows, {4, 5}, 20, 20), (Range{4, 5}));
  EXPECT_EQ(needed_range(o, 0, Axis::kColumns, {4, 5}, 20, 10), (Range{5, 12}));
}

TEST(Reach, OperandsDiffer) {
  EXPECT_FALSE(needed_range(op::Warp{}, 0, Axis::kRows, {4, 5}, 20, 20).has_value());
  EXPECT_EQ(needed_range(op::Warp{}, 1, Axis::kRows, {4, 5}, 20, 20), (Range{4, 5}));
  for (const Op& op : {Op{op::GatherMean{}}, Op{op::DeformConv2d{}}}) {
    EXPECT_FALSE(needed_range(op, 0, Axis::kRows, {4, 5}, 20, 20).has_value());
    EXPECT_EQ(needed_range(op, 1, Axis::kRows, {4, 5}, 20, 20), (Range{4, 5}));
  }
  EXPECT_EQ(needed_range(op::DeformConv2d{}, 2, Axis::kRows, {4, 5}, 20, 20), (Range{4, 5}));
  const op::Join join{{2, 2}};  // rows 0 to 9 are those of operands 0 and 1
  EXPECT_EQ(needed_range(join, 1, Axis::kRows, {4, 12}, 10, 20), (Range{4, 10}));
  EXPECT_EQ(needed_range(join, 2, Axis::kRows, {4, 12}, 10, 20), (Range{0, 2}));
  EXPECT_TRUE(needed_range(join, 3, Axis::kRows, {4, 9}, 10, 20)->empty());
  EXPECT_EQ(needed_range(join, 3, Axis::kColumns, {4, 12}, 10, 20), (Range{0, 2}));
  EXPECT_EQ(needed_range(op::Part{{2, 2}, {1, 0}}, 0, Axis::kRows, {4, 9}, 20, 10), (Range{14, 19}));
  EXPECT_EQ(needed_range(op::Part{{2, 2}, {1, 0}}, 0, Axis::kColumns, {4, 9}, 20, 10), (Range{4, 9}));
  EXPECT_EQ(needed_range(op::Correlation{3, 2, true}, 0, Axis::kRows, {4, 6}, 20, 10), (Range{8, 11}));
  EXPECT_EQ(needed_range(op::Correlation{3, 2, true}, 1, Axis::kRows, {4, 6}, 20, 10), (Range{2, 17}));
  EXPECT_FALSE(needed_range(op::PixelVolume{2}, 0, Axis::kRows, {4, 6}, 20, 20).has_value());
  EXPECT_EQ(needed_range(op::PixelVolume{2}, 1, Axis::kRows, {4, 6}, 20, 20), (Range{4, 6}));
  EXPECT_EQ(needed_range(op::PixelVolume{2}, 2, Axis::kRows, {1, 6}, 20, 20), (Range{0, 8}));
  EXPECT_TRUE(needed_range(op::Resize{}, 1, Axis::kRows, {4, 6}, 20, 20)->empty());
  EXPECT_FALSE(needed_range(op::ReduceSpace{}, 0, Axis::kRows, {0, 1}, 20, 1).has_value());
  EXPECT_EQ(needed_range(op::Binary{}, 1, Axis::kRows, {4, 6}, 1, 20), (Range{0, 1}));
  EXPECT_EQ(needed_range(op::Unary{}, 0, Axis::kRows, {4, 6}, 20, 20), (Range{4, 6}));
}

TEST(Reach, ReceptiveFieldOfStackedConvolutions) {
  Graph g;
  Value x = g.add("frame", op::Input{"frame", 3, 0});
  const auto conv3 = [&](const char* name, int stride) {
    x = g.add(name, op::Conv2d{name, "", 4, {3, 3}, {stride, stride}, {1, 1}, 1, Margins::all(1)}, {x});
  };
  conv3("a", 1);
  conv3("b", 2);
  conv3("c", 1);
  x = g.add("up", op::PixelShuffle{2}, {x});
  g.set_output("frame", x);
  // a: 1 px, b: 1 px, c: 2 px (half scale); the odd output pixel shares its even neighbour's samples: 1 + 1 +
  // 2 to the right, one more to the left.
  EXPECT_EQ(receptive_field(g, 2), 5);
}

TEST(Reach, ReceptiveFieldIsTheLargerAxis) {
  Graph g;
  const Value x = g.add("frame", op::Input{"frame", 3, 0});
  g.set_output("frame", g.add("a", op::Conv2d{"w", "", 3, {1, 41}, {1, 1}, {1, 1}, 1, {0, 0, 20, 20}}, {x}));
  EXPECT_EQ(receptive_field(g, 1), 20);
}

TEST(Reach, ReceptiveFieldIsAbsentWhereUnbounded) {
  Graph warp;
  const Value a = warp.add("frame", op::Input{"frame", 3, 0});
  const Value flow = warp.add("flow", op::Slice{0, 2}, {a});
  warp.set_output("frame", warp.add("w", op::Warp{}, {a, flow}));
  EXPECT_EQ(receptive_field(warp, 1), std::nullopt);

  Graph mean;
  const Value b = mean.add("frame", op::Input{"frame", 3, 0});
  mean.set_output("frame", mean.add("m", op::Binary{}, {b, mean.add("r", op::ReduceSpace{}, {b})}));
  EXPECT_EQ(receptive_field(mean, 1), std::nullopt);

  Graph recurrent;
  const Value c = recurrent.add("frame", op::Input{"frame", 3, 0});
  const Value past = recurrent.add_state("past", 3);
  recurrent.set_state("past", c, c);
  recurrent.set_output("frame", recurrent.add("s", op::Binary{}, {c, past}));
  EXPECT_EQ(receptive_field(recurrent, 1), std::nullopt);
  // An output that is not the picture does not count.
  recurrent.set_output("late", past);
  Graph other;
  const Value d = other.add("frame", op::Input{"frame", 3, 0});
  const Value late = other.add_state("late", 3);
  other.set_state("late", d, d);
  other.set_output("late", late);
  other.set_output("frame", other.add("n", op::Unary{}, {d}));
  EXPECT_EQ(receptive_field(other, 1), 0);
}

}  // namespace
}  // namespace unblur
