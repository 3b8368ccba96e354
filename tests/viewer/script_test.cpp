// SPDX-License-Identifier: MIT
// Off-screen: what the program draws, pixel by pixel where the picture is shown one to one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "core/test_pattern.h"
#include "graph/model.h"
#include "media/image_file.h"
#include "viewing.h"

namespace unblur::test {
namespace {

constexpr int kWidth = 320, kHeight = 180;
const std::string pattern_source = "pattern:320x180";
const std::vector<std::string> one_to_one{pattern_source, "--size", "320x180"};

/// The test pattern's picture that a screenshot of side A shows, by the number in its corner.
Frame pattern_behind(const Frame& screenshot) {
  const std::optional<int> index = read_stamp(screenshot);
  EXPECT_TRUE(index.has_value());
  return TestPattern(test_pattern_options(pattern_source)).picture(index.value_or(0), false);
}

double mean_of(const Frame& f) {
  double sum = 0;
  for (const std::byte b : f.data) sum += std::to_integer<int>(b);
  return sum / static_cast<double>(f.data.size());
}

TEST(Views, ShowBothSidesPixelByPixel) {
  const Viewing v;
  const Outcome o = v.run(one_to_one,
                          "wait 3\nkey h\nkey space\nkey 3\nscreenshot a.png\nkey 4\nscreenshot b.png\n"
                          "key 1\nscreenshot split.png\ndrag 160 90 80 90\nscreenshot dragged.png\n"
                          "key 5\nscreenshot difference.png\nkey 2\nscreenshot side.png\n"
                          "key 6\nwait 20\nscreenshot blink.png\nexpect frozen\nquit\n");
  ASSERT_EQ(o.code, 0) << o.err;
  const Frame a = v.picture("a.png"), b = v.picture("b.png"), split = v.picture("split.png");
  const Frame truth = pattern_behind(a);
  EXPECT_EQ(worst(a, truth, 0, kWidth), 0) << "the input comes through unchanged";
  EXPECT_LE(worst(b, halved(truth), 0, kWidth), 1);
  EXPECT_EQ(worst(split, a, 0, kWidth / 2), 0);
  EXPECT_EQ(worst(split, b, kWidth / 2, kWidth), 0);
  const Frame dragged = v.picture("dragged.png");
  EXPECT_EQ(worst(dragged, a, 0, 80), 0) << "the divider was dragged to a quarter";
  EXPECT_EQ(worst(dragged, b, 80, kWidth), 0);
  const Frame difference = v.picture("difference.png");
  for (const int x : {10, 100, 300}) {
    const std::size_t at = 3 * (static_cast<std::size_t>(90) * kWidth + static_cast<std::size_t>(x));
    const int apart = std::to_integer<int>(a.data[at]) - std::to_integer<int>(b.data[at]);
    EXPECT_NEAR(std::to_integer<int>(difference.data[at]), std::min(255, 4 * std::abs(apart)), 5) << x;
  }
  const Frame side = v.picture("side.png");
  EXPECT_GT(worst(side, a, 0, kWidth), 8);
  const Frame blink = v.picture("blink.png");
  EXPECT_TRUE(worst(blink, a, 0, kWidth) == 0 || worst(blink, b, 0, kWidth) == 0);
}

TEST(Views, StrengthBlendsAndZeroIsTheInputToTheBit) {
  const Viewing v;
  std::vector<std::string> arguments = one_to_one;
  arguments.insert(arguments.end(), {"--view", "b"});
  std::string weaker;
  for (int i = 0; i < 5; ++i) weaker += "key ,\n";
  const Outcome o = v.run(arguments, "wait 2\nkey h\nkey space\n" + weaker + "screenshot half.png\n" +
                                         weaker + "screenshot off.png\nquit\n");
  ASSERT_EQ(o.code, 0) << o.err;
  const Frame off = v.picture("off.png"), half = v.picture("half.png");
  const Frame input = pattern_behind(off);
  EXPECT_EQ(worst(off, input, 0, kWidth), 0);
  for (const std::size_t at : {3000U, 60001U, 150002U}) {
    EXPECT_NEAR(std::to_integer<int>(half.data[at]), 0.75 * std::to_integer<int>(input.data[at]), 1.5) << at;
  }
}

TEST(Sources, PictureFolderAndSecondPattern) {
  const Viewing v;
  const TestPattern pattern(test_pattern_options(pattern_source));
  write_png(v / "still.png", pattern.picture(5, true));
  std::filesystem::create_directories(v / "folder");
  for (int i = 0; i < 3; ++i)
    write_png(v.folder() / "folder" / ("f" + std::to_string(i) + ".png"), pattern.picture(10 + i, false));
  const Outcome o = v.run(
      {"still.png", "--size", "320x180", "--view", "a"},
      "wait 1\nkey h\nscreenshot still.shot.png\nopen folder\nkey l\nwait 3\n"
      "expect frame 2\nscreenshot last.png\nopen pattern:320x180\nwait 2\nscreenshot pattern.png\nquit\n");
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(worst(v.picture("still.shot.png"), v.picture("still.png"), 0, kWidth), 0);
  EXPECT_EQ(worst(v.picture("last.png"), pattern.picture(12, false), 0, kWidth), 0);
  EXPECT_TRUE(read_stamp(v.picture("pattern.png")).has_value());
}

TEST(Panels, ClicksFindWidgetsAndTheStatusLineTells) {
  const Viewing v;
  const Outcome o =
      v.run({pattern_source, "--size", "1000x900"},
            "wait 2\nexpect half, fp32\nexpect 320x180\nexpect llvmpipe\nkey space\nscreenshot before.png\n"
            "click Difference\nscreenshot difference.png\nkey ?\nwait 1\nscreenshot help.png\nkey ?\n"
            "key space\nclick 1/2\nwait 2\nexpect at 50 %\nclick Source\nclick Motion\nwait 1\nclick "
            "Paths\nwait 2\n"
            "key space\nscreenshot paths.png\nkey t\nwait 1\nscreenshot light.png\nkey tab\nwait 1\n"
            "screenshot wide.png\nquit\n");
  ASSERT_EQ(o.code, 0) << o.err;
  const Frame before = v.picture("before.png");
  // The panel begins at 690 px, the picture ends there.
  EXPECT_GT(worst(before, v.picture("difference.png"), 0, 690), 40);
  EXPECT_GT(worst(v.picture("difference.png"), v.picture("help.png"), 200, 500), 100)
      << "the keys lie over the picture";
  EXPECT_GT(mean_of(v.picture("light.png")), mean_of(v.picture("paths.png")) + 30);
  EXPECT_GT(worst(v.picture("light.png"), v.picture("wide.png"), 700, 1000), 40);
}

/// Lines of bright text in the panel of a dark window that is 1000 px wide.
int text_lines(const Frame& f) {
  int lines = 0;
  bool inside = false;
  for (int y = 0; y < f.format.height - 30; ++y) {  // above the status line
    bool bright = false;
    for (int x = 695; x < 985 && !bright; ++x) bright = std::ranges::min(pixel(f, x, y)) > 180;
    lines += bright && !inside ? 1 : 0;
    inside = bright;
  }
  return lines;
}

/// Pixels of the line at 1/fps.
int budget_pixels(const Frame& f) {
  int found = 0;
  for (int y = 0; y < f.format.height; ++y) {
    for (int x = 695; x < 985; ++x)
      found += pixel(f, x, y)[0] > 120 && pixel(f, x, y)[0] > pixel(f, x, y)[2] + 60 ? 1 : 0;
  }
  return found;
}

TEST(Panels, ModelsWithTheirCardsTimesAndTheLogAreShown) {
  const Viewing v;
  Model carded = scaling_model("carded", kHalf);
  carded.info.card = {{"licence", "none"}, {"origin", "two convolutions"}, {"use", "this test"}};
  write_model(v / "carded.safetensors", carded);
  const Outcome o =
      v.run({pattern_source, "--size", "1000x900", "-m", "carded.safetensors"},
            "wait 2\nkey space\nclick Source\nclick View\nwait 1\nscreenshot times.png\n"
            "click Time and memory\nwait 1\nscreenshot none.png\n"
            "click Models\nwait 1\nscreenshot models.png\nclick Card 1\nwait 1\nscreenshot card.png\n"
            "click Models\nclick Log\nwait 1\nscreenshot empty.png\n"
            "key f\nwait 1\nkey ctrl+1\nwait 1\nscreenshot log.png\nquit\n");
  ASSERT_EQ(o.code, 0) << o.err;
  const Frame times = v.picture("times.png"), none = v.picture("none.png"), models = v.picture("models.png"),
              card = v.picture("card.png"), empty = v.picture("empty.png"), log = v.picture("log.png");
  EXPECT_GT(budget_pixels(times), 200) << "a line across the plot";
  EXPECT_EQ(budget_pixels(none), 0);
  EXPECT_EQ(text_lines(none), 6) << "the panels' names";
  // Its name, what it is, its card, the precision.
  EXPECT_GE(text_lines(models), text_lines(none) + 4);
  EXPECT_EQ(text_lines(card), text_lines(models) + 3) << "a line for each that the card tells";
  EXPECT_EQ(text_lines(empty), text_lines(none));
  EXPECT_EQ(text_lines(log), text_lines(empty) + 2) << "two pictures were saved";
  for (const Frame* f : {&times, &models, &card, &log}) EXPECT_EQ(worst(*f, none, 0, 690), 0);
}

/// The virtual clock draws 30 times a second.
TEST(Panels, ASmallerScaleIsProposedWhereTheRateStaysBelowHalf) {
  const Viewing v;
  const Outcome o = v.run({"pattern:64x36@120", "--size", "320x180"},
                          "wait 125\nexpect try 3/4\nkey s\nwait 2\nexpect at 75 %\nquit\n");
  EXPECT_EQ(o.code, 0) << o.err;
}

TEST(Mistakes, EndAsTheProgramsDo) {
  const Viewing v;
  EXPECT_EQ(v.run({"absent.mp4", "--frames", "1"}).code, 4);
  EXPECT_EQ(v.run({pattern_source, "--frames", "1", "--view", "sideways"}).code, 2);
  EXPECT_EQ(v.run({pattern_source}).code, 2) << "nothing would end it";
  EXPECT_EQ(v.run({pattern_source}, "jump 3\n").code, 2);
  std::ofstream(v / "garbage.safetensors") << "no model";
  EXPECT_EQ(v.run({pattern_source, "-m", "garbage.safetensors", "--frames", "1"}).code, 5);
  const Outcome failed = v.run(one_to_one, "wait 1\nexpect what it does not say\n");
  EXPECT_EQ(failed.code, 1);
  EXPECT_NE(failed.err.find("script.txt:2"), std::string::npos) << failed.err;
  const Outcome shown = Process(v.folder(), v.command({pattern_source}, ""),
                                v.environment({{"DISPLAY", ""}, {"WAYLAND_DISPLAY", ""}}))
                            .wait();
  EXPECT_EQ(shown.code, 3) << shown.err;
}

TEST(Frames, EndAfterAsManyAndLeaveAScreenshot) {
  const Viewing v;
  const Outcome o = v.run({pattern_source, "--size", "320x180", "--frames", "4", "--screenshot", "end.png"});
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(v.picture("end.png").format.width, kWidth);
}

TEST(Frames, TextIsAsLargeAsAskedFor) {
  const Viewing v;
  const Outcome o = v.run({pattern_source, "--size", "1000x700", "--ui-scale", "1.5", "--frames", "2",
                           "--screenshot", "large.png"});
  ASSERT_EQ(o.code, 0) << o.err;
  // The panel is 310 px wide at scale 1; left of it is the ground that the picture does not fill.
  const Frame large = v.picture("large.png");
  EXPECT_EQ(pixel(large, 1000 - 465 - 3, 3), pixel(large, 3, 3));
  EXPECT_NE(pixel(large, 1000 - 465 + 3, 3), pixel(large, 3, 3));
}

/// A model that runs on no device is said, and the input goes on.
TEST(Faults, AModelThatCannotRunIsPaintedAndNamed) {
  const Viewing v;
  Model model;  // its picture has a quarter of the size
  model.info.name = "smaller";
  const Value frame = model.graph.add("frame", op::Input{.name = "frame"});
  model.graph.set_output("frame", model.graph.add("down", op::Resize{.denominator = 2}, {frame}));
  write_model(v / "smaller.safetensors", model);
  const Outcome o = v.run({pattern_source, "--size", "320x180", "-m", "smaller.safetensors"},
                          "wait 3\nexpect error: \nkey h\nwait 1\nscreenshot painted.png\nquit\n");
  ASSERT_EQ(o.code, 0) << o.err;
  const Frame painted = v.picture("painted.png");
  EXPECT_TRUE(read_stamp(painted).has_value()) << "the input on side A";
  int marked = 0;
  for (int x = 162; x < 320; ++x)
    marked += pixel(painted, x, 90)[0] > 180 && pixel(painted, x, 90)[1] < 40 ? 1 : 0;
  EXPECT_GT(marked, 40);
  EXPECT_EQ(v.run({pattern_source, "--frames", "2", "-m", "smaller.safetensors"}).code, 5);
}

TEST(Faults, ALostDeviceAndFullMemoryEndAsTheProgramsDo) {
  const Viewing v;
  const Outcome lost = v.run({pattern_source, "--frames", "9"}, "", {{"UNBLUR_FAULT", "device-lost@3"}});
  EXPECT_EQ(lost.code, 1);
  EXPECT_NE(lost.err.find("device was lost"), std::string::npos) << lost.err;
  const Outcome full = v.run({pattern_source, "--frames", "2"}, "", {{"UNBLUR_FAULT", "out-of-memory@12"}});
  EXPECT_EQ(full.code, 7) << full.err;
}

TEST(Faults, ANaNFrameIsPaintedAndNamed) {
  const Viewing v;
  const Outcome o = v.run({pattern_source, "--size", "320x180", "--view", "b"},
                          "wait 2\nexpect NaN\nkey h\nwait 1\nscreenshot nan.png\nquit\n",
                          {{"UNBLUR_FAULT", "nan@narrow"}});
  ASSERT_EQ(o.code, 0) << o.err;
  const Frame nan = v.picture("nan.png");
  int painted = 0;
  for (std::size_t i = 0; i < nan.data.size(); i += 3)
    painted += std::to_integer<int>(nan.data[i]) > 180 && std::to_integer<int>(nan.data[i + 1]) < 40 ? 1 : 0;
  EXPECT_GT(painted, kWidth * kHeight / 3);
}

}  // namespace
}  // namespace unblur::test
