// SPDX-License-Identifier: MIT
// Video files through the whole program: what goes in comes out, apart from the picture.
#include <gtest/gtest.h>

#include "clips.h"

namespace unblur::test {
namespace {

struct VideoCase {
  const char* name;
  const char* file;
  const char* make;  ///< words for ffmpeg; "SRC" is a moving test picture
  double min_psnr;   ///< of the unchanged picture after encoding; 1000 = bit for bit
};

std::string expand(std::string words) {
  const std::string source = "-f lavfi -i testsrc2=s=160x120:r=25:d=0.6";
  for (auto at = words.find("SRC"); at != std::string::npos; at = words.find("SRC"))
    words.replace(at, 3, source);
  return words;
}

class Video : public testing::TestWithParam<VideoCase> {};

TEST_P(Video, KeepsTimeStampsFormatAndStreams) {
  if (!have_ffmpeg()) GTEST_SKIP() << "the ffmpeg tool is not installed";
  const VideoCase& c = GetParam();
  const Sandbox box;
  ffmpeg(box, expand(c.make));
  const std::string in = c.file, out = "out-" + in;
  const Outcome o = box.unblur({"deblur", in, "-o", out});
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(packets(box, in, "v:0", false), packets(box, out, "v:0", false));
  EXPECT_EQ(packets(box, in, "a", true), packets(box, out, "a", true));
  EXPECT_EQ(packets(box, in, "s", true), packets(box, out, "s", true));
  EXPECT_EQ(properties(box, in), properties(box, out));
  EXPECT_EQ(hdr(box, in), hdr(box, out));
  EXPECT_EQ(hdr(box, in).empty(), std::string(c.name) != "Hevc10Hdr");
  EXPECT_GE(psnr(box, in, out), c.min_psnr);
  EXPECT_FALSE(std::filesystem::exists(box / (out + ".part"))) << "a rest was left";
  EXPECT_FALSE(std::filesystem::exists(box / (out + ".part.json"))) << "a rest was left";
}

INSTANTIATE_TEST_SUITE_P(
    Formats, Video,
    testing::Values(
        VideoCase{"H264Vfr", "a.mkv",
                  "SRC -vf select='not(eq(mod(n,7),3))' -vsync vfr -c:v libx264 -preset ultrafast a.mkv", 40},
        VideoCase{"Mp4VfrSound", "a.mp4",
                  "SRC -f lavfi -i sine=d=0.6 -vf select='not(eq(mod(n,5),2))' -vsync vfr -c:v libx264 "
                  "-preset ultrafast -c:a aac a.mp4",
                  40},
        VideoCase{"Hevc10Hdr", "a.mp4",
                  "SRC -pix_fmt yuv420p10le -c:v libx265 -preset ultrafast -x265-params "
                  "log-level=error:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L("
                  "10000000,1):max-cll=1000,400 -color_primaries bt2020 -color_trc smpte2084 -colorspace "
                  "bt2020nc a.mp4",
                  40},
        VideoCase{"Yuv422Ten", "a.mkv", "SRC -pix_fmt yuv422p10le -c:v ffv1 a.mkv", 1000},
        VideoCase{"Yuv444Odd", "a.mkv", "SRC -vf crop=151:101 -pix_fmt yuv444p -c:v ffv1 a.mkv", 1000},
        VideoCase{"Yuv420Odd", "a.mkv", "SRC -vf format=yuv444p,crop=151:101,format=yuv420p -c:v ffv1 a.mkv",
                  1000},
        VideoCase{"Yuv411", "a.mkv", "SRC -pix_fmt yuv411p -c:v ffv1 a.mkv", 1000},
        VideoCase{"Yuv440", "a.mkv", "SRC -pix_fmt yuv440p -c:v ffv1 a.mkv", 1000},
        VideoCase{"Yuv420Sixteen", "a.mkv", "SRC -pix_fmt yuv420p16le -c:v ffv1 a.mkv", 1000},
        VideoCase{"Rgb", "a.mkv", "SRC -pix_fmt bgr0 -c:v ffv1 a.mkv", 1000},
        VideoCase{"Rgb10", "a.mkv", "SRC -pix_fmt gbrp10le -c:v ffv1 a.mkv", 1000},
        VideoCase{"Grey", "a.mkv", "SRC -pix_fmt gray -c:v ffv1 a.mkv", 1000},
        VideoCase{"Packed422", "a.avi", "SRC -pix_fmt uyvy422 -c:v rawvideo a.avi", 1000},
        VideoCase{"Nv12", "a.nut", "SRC -pix_fmt nv12 -c:v rawvideo a.nut", 1000},
        VideoCase{"FullRangeMjpeg", "a.avi", "SRC -pix_fmt yuvj420p -c:v mjpeg -q:v 2 a.avi", 40},
        VideoCase{"FullRangeH264", "a.mp4",
                  "SRC -pix_fmt yuvj420p -colorspace bt709 -c:v libx264 -preset ultrafast a.mp4", 40},
        VideoCase{"Prores", "a.mov", "SRC -pix_fmt yuv422p10le -c:v prores_ks a.mov", 40},
        VideoCase{"Vp9", "a.webm", "SRC -c:v libvpx-vp9 -deadline realtime -pix_fmt yuv420p a.webm", 38},
        VideoCase{"Mpeg4", "a.mp4", "SRC -c:v mpeg4 -q:v 2 a.mp4", 38},
        VideoCase{"Anamorphic", "a.mp4", "SRC -vf setsar=4/3 -c:v libx264 -preset ultrafast a.mp4", 40},
        VideoCase{"TransportStream", "a.ts", "SRC -c:v libx264 -preset ultrafast a.ts", 40}),
    [](const auto& c) { return c.param.name; });

TEST(VideoExtras, RotationSubtitlesChaptersAndTags) {
  if (!have_ffmpeg()) GTEST_SKIP() << "the ffmpeg tool is not installed";
  const Sandbox box;
  box.run({"sh", "-c",
           "printf '1\\n00:00:00,100 --> 00:00:00,500\\nhello\\n' > s.srt; printf "
           "';FFMETADATA1\\ntitle=Holiday\\n"
           "[CHAPTER]\\nTIMEBASE=1/1000\\nSTART=0\\nEND=300\\ntitle=one\\n[CHAPTER]\\nTIMEBASE=1/"
           "1000\\nSTART=300\\nEND=600\\n"
           "title=two\\n' > meta.txt"});
  ffmpeg(box, expand("SRC -f lavfi -i sine=d=0.6 -i s.srt -i meta.txt -map 0 -map 1 -map 2 -map_metadata 3 "
                     "-c:v libx264 -preset "
                     "ultrafast -c:a aac -c:s srt -metadata:s:a language=deu base.mkv"));
  ffmpeg(box, "-i base.mkv -map 0 -c copy -c:s mov_text -metadata:s:v rotate=90 turned.mp4");
  for (const std::string in : {"base.mkv", "turned.mp4"}) {
    const Outcome o = box.unblur({"deblur", in});
    ASSERT_EQ(o.code, 0) << o.err;
    const std::string out = std::filesystem::path(in).stem().string() + ".deblur" +
                            std::filesystem::path(in).extension().string();
    EXPECT_EQ(properties(box, in), properties(box, out));
    EXPECT_EQ(packets(box, in, "a", true), packets(box, out, "a", true));
    EXPECT_EQ(packets(box, in, "s", true), packets(box, out, "s", true));
    EXPECT_NE(properties(box, out).find("two"), std::string::npos) << "the test clip lost its chapters";
  }
}

TEST(VideoExtras, StartAndFramesCutSoundAlike) {
  if (!have_ffmpeg()) GTEST_SKIP() << "the ffmpeg tool is not installed";
  const Sandbox box;
  ffmpeg(box, "-f lavfi -i testsrc2=s=96x64:r=25:d=2 -f lavfi -i sine=d=2 -c:v ffv1 -c:a pcm_s16le in.mkv");
  ASSERT_EQ(box.unblur({"deblur", "in.mkv", "-o", "a.mkv", "--start", "20", "--frames", "10"}).code, 0);
  ASSERT_EQ(box.unblur({"deblur", "in.mkv", "-o", "b.mkv", "--start", "0.8s", "--frames", "10"}).code, 0);
  ffmpeg(box, "-i in.mkv -vf select='between(n,20,29)',setpts=PTS-STARTPTS -an -c:v ffv1 want.mkv");
  EXPECT_EQ(frame_hashes(box, "a.mkv"), frame_hashes(box, "want.mkv"));
  EXPECT_EQ(frame_hashes(box, "a.mkv"), frame_hashes(box, "b.mkv"));
  const std::string sound = packets(box, "a.mkv", "a", false);
  EXPECT_LE(std::abs(std::atof(sound.c_str())), 0.1);
  EXPECT_LT(std::atof(sound.substr(sound.rfind('\n', sound.size() - 2) + 1).c_str()), 0.4);
}

TEST(VideoExtras, StrengthZeroIsBitExactAndTheModelIsNotBypassed) {
  if (!have_ffmpeg()) GTEST_SKIP() << "the ffmpeg tool is not installed";
  const Sandbox box;
  ffmpeg(box, "-f lavfi -i testsrc2=s=96x64:r=25:d=0.4 -c:v ffv1 in.mkv");
  ASSERT_EQ(
      box.unblur({"deblur", "in.mkv", "-o", "zero.mkv", "--strength", "0"}, {{"UNBLUR_FAKE", "add=3"}}).code,
      0);
  ASSERT_EQ(box.unblur({"deblur", "in.mkv", "-o", "one.mkv"}, {{"UNBLUR_FAKE", "add=3"}}).code, 0);
  EXPECT_EQ(frame_hashes(box, "in.mkv"), frame_hashes(box, "zero.mkv"));
  EXPECT_NE(frame_hashes(box, "in.mkv"), frame_hashes(box, "one.mkv"));
}

TEST(VideoExtras, CodecAndPixelFormatAsAsked) {
  if (!have_ffmpeg()) GTEST_SKIP() << "the ffmpeg tool is not installed";
  const Sandbox box;
  ffmpeg(box, "-f lavfi -i testsrc2=s=96x64:r=25:d=0.4 -c:v libx264 -preset ultrafast in.mp4");
  ASSERT_EQ(box.unblur({"deblur", "in.mp4", "-o", "a.mkv", "--codec", "hevc", "--pix-fmt", "yuv420p10le",
                        "--crf", "30"})
                .code,
            0);
  EXPECT_NE(properties(box, "a.mkv").find("codec_name=hevc"), std::string::npos);
  EXPECT_NE(properties(box, "a.mkv").find("pix_fmt=yuv420p10le"), std::string::npos);
  EXPECT_EQ(box.unblur({"deblur", "in.mp4", "-o", "b.mkv", "--codec", "nonsense"}).code, 2);
  EXPECT_EQ(box.unblur({"deblur", "in.mp4", "-o", "b.mkv", "--pix-fmt", "nonsense"}).code, 2);
  EXPECT_EQ(box.unblur({"deblur", "in.mp4", "-o", "b.xyz"}).code, 2);
  EXPECT_FALSE(std::filesystem::exists(box / "b.mkv"));
}

}  // namespace
}  // namespace unblur::test
