// SPDX-License-Identifier: MIT
// The executor on a small recurrent network: equal to float64 loops over frames, and the same bits whatever
// the memory plan, the strips, the number of frames in flight or the frames' way to the device.
#include "vulkan/session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "fixture.h"
#include "graph/colour.h"
#include "graph/error.h"
#include "graph/shorthand.h"
#include "models.h"

namespace unblur::vk {
namespace {

constexpr int kFrames = 4;
constexpr FrameFormat kFormat{
    PixelLayout::kYuv420, 8, 46, 61, {ColourRange::kLimited, ColourMatrix::kBt709, ChromaLocation::kLeft}};

/// The model is shared by all tests, so that its pipelines are compiled once.
const std::shared_ptr<Model>& model() {
  static const std::shared_ptr<Model> shared = test::recurrent_model();
  return shared;
}

FrameOptions plain() {
  FrameOptions options;
  options.bind.format = kFormat;
  options.bind.named_outputs = {"flow"};
  return options;
}

struct Clip {
  std::vector<Frame> frames;
  std::vector<NamedOutput> flows;
  std::vector<bool> retried;
};

/// All frames with as many in flight as the session takes.
Clip run(VulkanSession& session, int count = kFrames, int first_index = 0) {
  std::vector<Frame> input;
  for (int i = 0; i < count; ++i) input.push_back(test::make_frame(kFormat, first_index + i));
  Clip result;
  int sent = 0;
  while (static_cast<int>(result.frames.size()) < count) {
    while (sent < count && session.in_flight() < session.max_in_flight()) {
      const Frame* window = &input[static_cast<std::size_t>(sent++)];
      session.submit({&window, 1});
    }
    Result one = session.receive();
    result.frames.push_back(std::move(one.frame));
    result.flows.push_back(std::move(one.outputs.at(0)));
    result.retried.push_back(one.retried_fp32);
  }
  return result;
}

Clip run(const FrameOptions& options) {
  VulkanSession session(test::device(), test::shared_pipelines(), model(), options);
  return run(session);
}

void expect_same(const Clip& a, const Clip& b) {
  for (std::size_t i = 0; i < a.frames.size(); ++i) {
    EXPECT_TRUE(a.frames[i].data == b.frames.at(i).data) << "frame " << i;
    EXPECT_TRUE(a.flows[i].values == b.flows.at(i).values) << "flow of frame " << i;
  }
}

const Clip& plain_run() {
  static const Clip shared = run(plain());
  return shared;
}

/// Planar RGB with the edge repeated up to the model's multiple.
ReferenceTensor padded_rgb(const Frame& frame, int height, int width) {
  const std::vector<float> rgb = frame_to_rgb(frame);
  ReferenceTensor tensor(Shape{3, height, width});
  for (int c = 0; c < 3; ++c) {
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const int sy = std::min(y, kFormat.height - 1);
        const int sx = std::min(x, kFormat.width - 1);
        tensor.at(c, y, x) = rgb[(static_cast<std::size_t>(c) * kFormat.height + sy) * kFormat.width + sx];
      }
    }
  }
  return tensor;
}

TEST(Session, SlicesGiveTheSameBits) {
  FrameOptions options = plain();
  options.slice_ms = 1e-4;  // every run in as many parts as it has groups of rows, once its cost is known
  expect_same(plain_run(), run(options));
  options.slice_ms = 1e4;  // one by one, then all at once
  expect_same(plain_run(), run(options));
}

TEST(Session, LeavesFramesOnTheDevice) {
  FrameOptions options = plain();
  options.keep_on_device = true;
  options.slice_ms = 20;
  VulkanSession session(test::device(), test::shared_pipelines(), model(), options);
  for (int i = 0; i < kFrames; ++i) {
    const Frame input = test::make_frame(kFormat, i);
    const Frame* window = &input;
    session.submit({&window, 1});
    const Result result = session.receive();
    EXPECT_TRUE(result.frame.data.empty());
    const Binding raw = session.device_frame();
    Frame frame(kFormat);
    RawLayout(kFormat).unpack(
        download(test::device(), test::pipelines(), *raw.buffer, raw.begin, raw.end - raw.begin), frame);
    EXPECT_TRUE(frame.data == plain_run().frames.at(static_cast<std::size_t>(i)).data) << "frame " << i;
    ASSERT_EQ(session.device_outputs().size(), 1U);
    EXPECT_EQ(session.device_outputs()[0].shape, (Shape{2, 16, 12}));
  }
}

TEST(Session, EqualsFloat64LoopsOverFrames) {
  test::StateValues states;
  for (int i = 0; i < kFrames; ++i) {
    const Frame frame = test::make_frame(kFormat, i);
    const ReferenceTensor input = padded_rgb(frame, 64, 48);
    const auto truth = test::run_reference(*model(), {{"frame", input}}, states);

    const NamedOutput& flow = plain_run().flows.at(static_cast<std::size_t>(i));
    EXPECT_EQ(flow.shape, (Shape{2, 16, 12}));
    double worst = 0;
    for (int c = 0; c < 2; ++c) {
      for (int y = 0; y < flow.shape.h; ++y) {
        for (int x = 0; x < flow.shape.w; ++x) {
          const std::size_t at = (static_cast<std::size_t>(c) * flow.shape.h + y) * flow.shape.w + x;
          worst = std::max(worst, std::abs(flow.values[at] - truth.at("flow").at(c, y, x)));
        }
      }
    }
    EXPECT_LT(worst, 1e-4) << "frame " << i;

    std::vector<float> original;
    std::vector<float> restored;
    for (int c = 0; c < 3; ++c) {
      for (int y = 0; y < kFormat.height; ++y) {
        for (int x = 0; x < kFormat.width; ++x) {
          original.push_back(static_cast<float>(input.at(c, y, x)));
          restored.push_back(static_cast<float>(truth.at("frame").at(c, y, x)));
        }
      }
    }
    const Frame expected = apply_correction(frame, original, restored, 1.0F);
    const Frame& got = plain_run().frames.at(static_cast<std::size_t>(i));
    std::size_t different = 0;
    for (std::size_t k = 0; k < got.data.size(); ++k) {
      const int difference =
          std::abs(std::to_integer<int>(got.data[k]) - std::to_integer<int>(expected.data[k]));
      ASSERT_LE(difference, 1) << "frame " << i << " byte " << k;
      different += difference == 0 ? 0 : 1;
    }
    EXPECT_LE(different, got.data.size() / 100) << "frame " << i;
  }
}

TEST(Session, AliasedMemoryGivesTheSameBitsAsNoAliasing) {
  FrameOptions apart = plain();
  apart.share_memory = false;
  expect_same(plain_run(), run(apart));
  FrameOptions poisoned = plain();
  poisoned.poison = true;
  expect_same(plain_run(), run(poisoned));
}

TEST(Session, RowStripsGiveTheSameBits) {
  for (const int strips : {2, 3}) {
    FrameOptions options = plain();
    options.strips = strips;
    options.poison = true;
    SCOPED_TRACE(strips);
    VulkanSession session(test::device(), test::shared_pipelines(), model(), options);
    EXPECT_EQ(session.report().strips, strips);
    expect_same(plain_run(), run(session));
  }
}

TEST(Session, StagedCopiesGiveTheSameBits) {
  ::setenv("UNBLUR_STAGING", "1", 1);
  const Clip staged = run(plain());
  ::unsetenv("UNBLUR_STAGING");
  expect_same(plain_run(), staged);
}

TEST(Session, ResetForgetsThePast) {
  VulkanSession session(test::device(), test::shared_pipelines(), model(), plain());
  (void)run(session, 3, 50);
  session.reset();
  expect_same(plain_run(), run(session));
}

/// Save, run on, load, run again: the same bits, in this session and in a new one.
void check_saved_states(Storage storage) {
  FrameOptions options = plain();
  options.storage = storage;
  VulkanSession session(test::device(), test::shared_pipelines(), model(), options);
  EXPECT_TRUE(session.save_states().empty()) << "no frame has run";
  const Clip start = run(session, 2);
  const TensorMap saved = session.save_states();
  ASSERT_EQ(saved.size(), model()->graph.states().size());
  const Clip rest = run(session, 3, 2);
  EXPECT_NE(start.frames[1].data, rest.frames[0].data);

  ASSERT_TRUE(session.load_states(saved));
  expect_same(rest, run(session, 3, 2));
  VulkanSession other(test::device(), test::shared_pipelines(), model(), options);
  ASSERT_TRUE(other.load_states(saved));
  expect_same(rest, run(other, 3, 2));

  TensorMap fewer = saved;
  fewer.erase(fewer.begin());
  EXPECT_FALSE(other.load_states(fewer));
  const Frame frame = test::make_frame(kFormat, 0);
  const Frame* window = &frame;
  other.submit({&window, 1});
  EXPECT_TRUE(other.save_states().empty()) << "a frame is in flight";
  EXPECT_FALSE(other.load_states(saved)) << "a frame is in flight";
  (void)other.receive();
}

TEST(Session, SavedStatesGoOnExactlyThere) { check_saved_states(Storage::kF32); }

TEST(Session, SavedStatesOfHalvesGoOnExactlyThere) { check_saved_states(Storage::kF16Packed); }

TEST(Session, TakesAndAllocatesWhatTheDryRunSays) {
  const PlanReport report = plan_frames(*model(), test::device()->physical(), plain()).report;
  const std::uint64_t before = test::device()->allocated_bytes();
  VulkanSession session(test::device(), test::shared_pipelines(), model(), plain());
  const std::uint64_t taken = test::device()->allocated_bytes() - before;
  EXPECT_EQ(session.report().total_bytes(), report.total_bytes());
  // Alignment of the read-back parts and minimum sizes apart.
  EXPECT_NEAR(static_cast<double>(taken), static_cast<double>(report.total_bytes()), 16384.0);
  EXPECT_GE(taken, report.weight_bytes + report.activation_bytes + report.state_bytes);

  (void)run(session, 2);
  const std::uint64_t warm = test::device()->allocation_count();
  (void)run(session);
  EXPECT_EQ(test::device()->allocation_count(), warm) << "memory allocated while frames run";
}

TEST(Session, AMemoryLimitLeadsToStripsAndThenToARefusal) {
  FrameOptions options = plain();
  options.bind.format.width = 320;
  options.bind.format.height = 480;
  options.most_slots = 2;  // else the third copy of states and frames goes first
  const PhysicalDevice& device = test::device()->physical();
  const PlanReport whole = plan_frames(*model(), device, options).report;
  EXPECT_EQ(whole.strips, 1);
  options.bind.memory_limit = whole.total_bytes() - whole.activation_bytes / 8;
  const PlanReport cut = plan_frames(*model(), device, options).report;
  EXPECT_GT(cut.strips, 1);
  EXPECT_LE(cut.total_bytes(), options.bind.memory_limit);
  options.bind.memory_limit = 4U << 20U;
  EXPECT_THROW((void)plan_frames(*model(), device, options), MemoryError);
}

TEST(Session, RefusesFramesOfAnotherFormat) {
  VulkanSession session(test::device(), test::shared_pipelines(), model(), plain());
  FrameFormat other = kFormat;
  other.width += 2;
  const Frame frame(other);
  const Frame* window = &frame;
  EXPECT_THROW(session.submit({&window, 1}), InputError);
  EXPECT_THROW((void)session.receive(), UsageError);
}

TEST(Session, TimesEveryStep) {
  FrameOptions options = plain();
  options.bind.time_nodes = true;
  VulkanSession session(test::device(), test::shared_pipelines(), model(), options);
  const Frame frame = test::make_frame(kFormat, 0);
  const Frame* window = &frame;
  session.submit({&window, 1});
  const Result result = session.receive();
  if (test::device()->physical().limits.timestamp_ns == 0) GTEST_SKIP() << "no timestamps on this device";
  EXPECT_GT(result.gpu_ms, 0.0);
  double sum = 0;
  for (const NodeTime& time : result.times) {
    if (time.kernel != "host") sum += time.ms;
  }
  EXPECT_NEAR(sum, result.gpu_ms, 1e-3);
}

/// As many steps as a frame in slices reads time stamps of, and half as many more: those are measured by the
/// next frame.
TEST(Session, SlicesReadFewTimeStampsAndMeasureEveryStepInTurns) {
  constexpr int kWindow = static_cast<int>(kMostStampsRead) - 3, kSteps = kWindow * 3 / 2;
  Graph graph;
  Value x = graph.add("frame", op::Input{.name = "frame"});
  for (int i = 0; i < kSteps; ++i) x = add_conv(graph, "conv" + std::to_string(i), x, 3, 1);
  graph.set_output("frame", x);
  const std::shared_ptr<Model> deep = test::with_parameters(std::move(graph), 4);
  for (auto& [name, values] : deep->parameters) {
    std::ranges::fill(values.f32(), 0.0F);
    if (name.ends_with("weight")) values.f32()[0] = values.f32()[4] = values.f32()[8] = 1;
  }
  FrameOptions options;
  options.bind.format = kFormat;
  options.bind.time_nodes = true;
  options.slice_ms = 1e4;
  options.keep_on_device = true;
  VulkanSession session(test::device(), test::shared_pipelines(), deep, options);
  if (test::device()->physical().limits.timestamp_ns == 0) GTEST_SKIP() << "no timestamps on this device";
  const Frame frame = test::make_frame(kFormat, 0);
  const Frame* window = &frame;
  std::vector<Result> results;
  for (int i = 0; i < 3; ++i) {
    session.submit({&window, 1});
    results.push_back(session.receive());
    EXPECT_LE(session.details_bytes(), sizeof(FrameStatistics) + 8 * kMostStampsRead);
    EXPECT_GT(results.back().gpu_ms, 0.0);
    ASSERT_GE(results.back().times.size(), static_cast<std::size_t>(kSteps));
  }
  // Before the first step colours are converted. What a frame does not measure stays as it was.
  int kept = 0, measured = 0;
  for (int i = 0; i < kSteps; ++i) {
    const auto ms = [&](std::size_t frame_index) {
      return results[frame_index].times[static_cast<std::size_t>(i)].ms;
    };
    const bool first_part = i + 1 < kWindow;
    kept += ms(first_part ? 1 : 2) == ms(first_part ? 0 : 1) ? 1 : 0;
    measured += ms(first_part ? 2 : 1) != ms(first_part ? 1 : 0) ? 1 : 0;
  }
  EXPECT_EQ(kept, kSteps);
  EXPECT_GT(measured, kSteps / 2);
}

/// A network that restores nothing: its one output is `value` in four channels.
std::shared_ptr<Model> pictureless_model(float value) {
  Graph graph;
  const Value frame = graph.add("frame", op::Input{.name = "frame"});
  graph.set_output("control", add_conv(graph, "control", frame, 4, 1));
  std::shared_ptr<Model> made = test::with_parameters(std::move(graph), 16);
  std::ranges::fill(made->parameters.at("control.weight").f32(), 0.0F);
  std::ranges::fill(made->parameters.at("control.bias").f32(), value);
  return made;
}

Result run_pictureless(float value, Storage storage) {
  FrameOptions options;
  options.bind.format = kFormat;
  options.bind.named_outputs = {"control"};
  options.storage = storage;
  VulkanSession session(test::device(), test::shared_pipelines(), pictureless_model(value), options);
  const Frame frame = test::make_frame(kFormat, 0);
  const Frame* window = &frame;
  session.submit({&window, 1});
  Result result = session.receive();
  EXPECT_TRUE(result.frame.data == frame.data);
  return result;
}

TEST(Session, WithoutAPictureTheFrameComesBackBesideTheOutputs) {
  const Result result = run_pictureless(-3.5F, Storage::kF32);
  ASSERT_EQ(result.outputs.size(), 1U);
  EXPECT_EQ(result.outputs[0].shape, (Shape{4, 61, 46}));
  EXPECT_TRUE(std::ranges::all_of(result.outputs[0].values, [](float v) { return v == -3.5F; }));
  EXPECT_FALSE(result.retried_fp32);
}

TEST(Session, OutputsThatAreNotFiniteCountAsAFault) {
  const Result result = run_pictureless(1e6F, Storage::kF16Packed);  // beyond what halves hold
  EXPECT_TRUE(result.retried_fp32);
  EXPECT_EQ(result.outputs.at(0).values.front(), 1e6F);
  EXPECT_THROW((void)run_pictureless(INFINITY, Storage::kF32), ProcessingError);
}

#ifdef UNBLUR_TEST_FAULTS
class Fault : public testing::Test {
 protected:
  static void plant(const char* what) { ::setenv("UNBLUR_FAULT", what, 1); }
  void TearDown() override { ::unsetenv("UNBLUR_FAULT"); }
};

TEST_F(Fault, NanInHalvesIsRunOnceMoreInFp32) {
  FrameOptions options = plain();
  options.storage = Storage::kF16Packed;
  plant("nan@deep");
  const Clip faulty = run(options);
  for (int i = 0; i < kFrames; ++i) {
    EXPECT_TRUE(faulty.retried.at(static_cast<std::size_t>(i))) << "frame " << i;
    // Every frame came from the fp32 engine, the states between from halves.
    const Frame& got = faulty.frames.at(static_cast<std::size_t>(i));
    for (std::size_t k = 0; k < got.data.size(); ++k) {
      ASSERT_LE(std::abs(std::to_integer<int>(got.data[k]) -
                         std::to_integer<int>(plain_run().frames.at(static_cast<std::size_t>(i)).data[k])),
                2);
    }
  }
}

TEST_F(Fault, NanInFp32IsAnError) {
  plant("nan@split");
  VulkanSession session(test::device(), test::shared_pipelines(), model(), plain());
  EXPECT_THROW((void)run(session), ProcessingError);
}

TEST_F(Fault, WantOfMemoryIsNamed) {
  plant("out-of-memory@next");
  EXPECT_THROW(VulkanSession(test::device(), test::shared_pipelines(), model(), plain()), MemoryError);
}

TEST_F(Fault, ALostDeviceIsNamed) {
  VulkanSession session(test::device(), test::shared_pipelines(), model(), plain());
  plant("device-lost@next");
  EXPECT_THROW((void)run(session), ProcessingError);
}
#endif

}  // namespace
}  // namespace unblur::vk
