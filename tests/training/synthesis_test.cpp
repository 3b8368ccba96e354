// SPDX-License-Identifier: MIT
#include "synthesis.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>
#include <turbojpeg.h>

#include <cmath>
#include <thread>

#include "degrade.h"
#include "preview.h"
#include "render.h"
#include "test_photos.h"
#include "truth.h"
#include "validation_set.h"

namespace unblur {
namespace {

const PhotoLibrary& photos() {
  static const PhotoLibrary kLibrary = wave_library();
  return kLibrary;
}

SynthesisOptions moving(int side = 96) {
  SynthesisOptions options;
  options.width = options.height = side;
  options.still_camera = options.zero_motion = options.repeated_frame = 0;
  options.max_speed = 20;
  return options;
}

double psnr(const torch::Tensor& a, const torch::Tensor& b, const torch::Tensor& weight) {
  const torch::Tensor d = (a.to(torch::kFloat32) - b.to(torch::kFloat32)) * weight;
  const double error = (d * d).sum().item<double>() / (3 * weight.sum().item<double>());
  return 10 * std::log10(255.0 * 255.0 / std::max(error, 1e-12));
}

TEST(Synthesis, DefocusSoftensTheTextureAndNothingElse) {
  const PhotoLibrary photos = wave_library();
  SynthesisOptions options;
  options.frames = 1;
  options.noise = options.codec = false;
  options.bin_weights = {1, 0, 0, 0, 0};
  const ClipPlan sharp = draw_plan(options, photos, 3, 1);
  options.defocus = 1;
  const ClipPlan soft = draw_plan(options, photos, 3, 1);
  EXPECT_EQ(sharp.layers[0].defocus, 0);
  EXPECT_GE(soft.layers[0].defocus, 0.8);
  EXPECT_EQ(sharp.layers[0].motion.at(0.37), soft.layers[0].motion.at(0.37));
  EXPECT_EQ(sharp.duty, soft.duty);
  const auto detail = [&](const ClipPlan& plan) {
    const at::Tensor x = render_clip(plan, photos, at::kCPU, 1).sharp.to(at::kFloat);
    return std::pair(x.diff(1, -1).abs().mean().item<double>(), x.mean().item<double>());
  };
  const auto [sharp_detail, sharp_mean] = detail(sharp);
  const auto [soft_detail, soft_mean] = detail(soft);
  EXPECT_LT(soft_detail, 0.8 * sharp_detail);
  EXPECT_NEAR(soft_mean, sharp_mean, 0.05 * sharp_mean);  // light is spread, not lost
}

TEST(Synthesis, SamplesAreTheSameOnAnyThread) {
  SynthesisOptions options;
  options.width = options.height = 64;
  constexpr int kCount = 6;
  std::vector<Clip> alone(kCount), together(kCount);
  for (int i = 0; i < kCount; ++i) alone[i] = synthesise(options, photos(), 7, i);
  std::vector<std::thread> threads;
  for (int i = kCount - 1; i >= 0; --i) {
    threads.emplace_back([&, i] { together[i] = synthesise(options, photos(), 7, i); });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < kCount; ++i) {
    EXPECT_TRUE(torch::equal(alone[i].blurred, together[i].blurred)) << i;
    EXPECT_TRUE(torch::equal(alone[i].flow, together[i].flow)) << i;
  }
  EXPECT_FALSE(torch::equal(alone[0].sharp, alone[1].sharp));
}

TEST(Synthesis, FlowBringsThePreviousSharpFrameHere) {
  for (const double rolling : {0.0, 1.0}) {
    SynthesisOptions options = moving();
    options.rolling_shutter = rolling;
    double warped = 0, still = 0;
    int counted = 0;
    for (std::uint64_t index = 0; index < 8; ++index) {
      const Clip clip = synthesise(options, photos(), 11, index);
      for (int k = 1; k < options.frames; ++k) {
        if (clip.visible[k].sum().item<double>() < 500) continue;
        const torch::Tensor here = gather_by_flow(clip.sharp[k - 1].to(torch::kFloat32), clip.flow[k]);
        const double score = psnr(here, clip.sharp[k], clip.visible[k]);
        EXPECT_GT(score, 25) << "index " << index << " frame " << k;
        warped += score;
        still += psnr(clip.sharp[k - 1], clip.sharp[k], clip.visible[k]);
        ++counted;
      }
    }
    ASSERT_GT(counted, 12);
    EXPECT_GT(warped / counted, 33) << "rolling shutter " << rolling;
    EXPECT_GT(warped / counted, still / counted + 8);
  }
}

TEST(Synthesis, MirroredFlowWouldNotFit) {  // the sign and the axes matter to the test above
  const Clip clip = synthesise(moving(), photos(), 11, 1);
  const torch::Tensor wrong = gather_by_flow(clip.sharp[1].to(torch::kFloat32), -clip.flow[2]);
  const torch::Tensor right = gather_by_flow(clip.sharp[1].to(torch::kFloat32), clip.flow[2]);
  EXPECT_GT(psnr(right, clip.sharp[2], clip.visible[2]), psnr(wrong, clip.sharp[2], clip.visible[2]) + 6);
}

TEST(Synthesis, MeanOverGatherOffsetsIsTheBlurredFrame) {
  SynthesisOptions options = moving();
  options.noise = options.codec = options.appearance = options.saturation = false;
  options.max_layers = 0;
  options.rolling_shutter = 0;
  options.trajectory_points = 33;
  options.min_speed = options.max_speed = 8;
  options.min_duty = options.max_duty = 0.8;
  const Clip clip = synthesise(options, photos(), 5, 3);
  const int k = 2;
  const torch::Tensor linear = (clip.sharp[k].to(torch::kFloat32) / 255).pow(2.2);
  torch::Tensor sum = torch::zeros_like(linear);
  double weights = 0;
  for (int i = 0; i < 33; ++i) {  // trapezoid rule: the end instants count half
    const double weight = i == 0 || i == 32 ? 0.5 : 1;
    sum += weight * gather_by_flow(linear, clip.gather[k][i]);
    weights += weight;
  }
  const torch::Tensor blurred = (sum / weights).pow(1 / 2.2) * 255;
  const int reach = static_cast<int>(clip.gather[k].abs().max().item<double>()) + 2;
  ASSERT_LT(reach, 30);
  const auto inner = [&](const torch::Tensor& t) {
    return t.slice(1, reach, -reach).slice(2, reach, -reach);
  };
  const torch::Tensor ones = torch::ones_like(inner(blurred)[0]).unsqueeze(0);
  const double same = psnr(inner(blurred), inner(clip.blurred[k]), ones);
  EXPECT_GT(same, 36);
  EXPECT_GT(same, psnr(inner(clip.sharp[k]), inner(clip.blurred[k]), ones) + 10);
}

TEST(Synthesis, TrajectoryAndGatherAreOppositeToFirstOrderAndZeroInTheMiddle) {
  SynthesisOptions options = moving();
  options.max_speed = 6;
  options.trajectory_points = 5;
  const Clip clip = synthesise(options, photos(), 5, 1);
  EXPECT_LT(clip.trajectory.select(1, 2).abs().max().item<float>(), 1e-6F);
  const double size = clip.trajectory.abs().max().item<double>();
  EXPECT_GT(size, 0.1);
  EXPECT_LT((clip.trajectory + clip.gather).abs().max().item<double>(), 0.15 * size + 0.02);
}

TEST(Synthesis, FlowOfSteadyMotionFollowsTheTrajectory) {
  // Full exposure: from the first to the last instant is one frame interval, as is the flow. Averaged over
  // clips the two agree; they differ by acceleration within each.
  SynthesisOptions options = moving();
  options.trajectory_points = 3;
  options.min_duty = options.max_duty = 1;
  options.rolling_shutter = 0;
  options.max_layers = 0;
  double dot = 0, flow_length = 0, path_length = 0;
  for (std::uint64_t index = 0; index < 10; ++index) {
    const Clip clip = synthesise(options, photos(), 8, index);
    const torch::Tensor path = clip.trajectory[2][2] - clip.trajectory[2][0], motion = -clip.flow[2];
    dot += (path * motion).mean().item<double>();
    flow_length += (motion * motion).mean().item<double>();
    path_length += (path * path).mean().item<double>();
  }
  EXPECT_GT(dot / std::sqrt(flow_length * path_length), 0.8);
  EXPECT_NEAR(std::sqrt(path_length / flow_length), 1, 0.35);
}

// Followed one by one, every counted surface is the front one at every instant, and no other one is.
TEST(Synthesis, ShownSurfacesAreHiddenAtNoInstant) {
  SynthesisOptions options = moving();
  options.trajectory_points = 5;
  options.min_duty = 0.9;
  options.rolling_shutter = 0;
  options.min_speed = 8;
  int shown = 0, hidden = 0;
  for (std::uint64_t index = 0; index < 6; ++index) {
    const ClipPlan plan = draw_plan(options, photos(), 21, index);
    const Clip clip = render_clip(plan, photos(), torch::kCPU, options.frames);
    const auto textures = build_textures(plan, photos(), torch::kCPU);
    Labels labels;
    (void)render_frame(plan, textures, 1, {0.0}, &labels);
    for (int y = 3; y < plan.height; y += 7) {
      for (int x = 3; x < plan.width; x += 7) {
        const int label = labels.layer[y][x].item<int>();
        bool expected = labels.mixed[y][x].item<int>() == 0;
        for (int n = 0; n < 5; ++n) {
          const torch::Tensor moved = clip.trajectory[1][n];
          const Point at{x + moved[0][y][x].item<double>(), y + moved[1][y][x].item<double>()};
          const double time = plan.row_time(1, y, plan.duty[1] * (n / 4.0 - 0.5));
          expected = expected && layer_at(plan, at, time) <= label;
        }
        EXPECT_EQ(clip.shown[1][0][y][x].item<float>() != 0, expected) << index << " " << x << " " << y;
        (expected ? shown : hidden) += 1;
      }
    }
  }
  EXPECT_GT(shown, 500);
  EXPECT_GT(hidden, 20);
}

TEST(Synthesis, NothingMovesNothingChanges) {
  SynthesisOptions options;
  options.width = options.height = 64;
  options.zero_motion = 1;
  options.repeated_frame = 0;
  options.noise = options.codec = options.appearance = false;
  for (std::uint64_t index = 0; index < 4; ++index) {
    const Clip clip = synthesise(options, photos(), 2, index);
    EXPECT_TRUE(torch::equal(clip.blurred, clip.sharp));
    EXPECT_EQ(clip.flow.abs().max().item<float>(), 0.0F);
    EXPECT_TRUE(torch::equal(clip.sharp[0], clip.sharp[3]));
    EXPECT_EQ(clip.blur_length, 0.0);
  }
}

TEST(Synthesis, RepeatedClipsStandStill) {
  SynthesisOptions options = moving(64);
  options.repeated_frame = 1;
  const Clip clip = synthesise(options, photos(), 2, 1);
  ASSERT_EQ(clip.blurred.size(0), options.frames);
  EXPECT_TRUE(clip.repeated);
  EXPECT_TRUE(torch::equal(clip.blurred[0], clip.blurred[3]));
  EXPECT_EQ(clip.flow.abs().max().item<float>(), 0.0F);
  EXPECT_FALSE(torch::equal(clip.blurred, clip.sharp));
}

TEST(Synthesis, TensorFormEqualsTheLoop) {
  for (std::uint64_t index = 0; index < 6; ++index) {
    SynthesisOptions options = moving(64);
    options.rolling_shutter = index % 2 == 0 ? 1 : 0;
    const ClipPlan plan = draw_plan(options, photos(), 4, index);
    const auto textures = build_textures(plan, photos(), torch::kCPU);
    const auto offsets = exposure_offsets(plan.duty[1], 5);
    Labels loop_labels, tensor_labels;
    const torch::Tensor loop = render_frame(plan, textures, 1, offsets, &loop_labels);
    const torch::Tensor tensors = render_frame(plan, textures, 1, offsets, &tensor_labels, true);
    EXPECT_LT((loop - tensors).abs().max().item<double>(), 2e-3) << index;
    const double differing = (loop_labels.layer != tensor_labels.layer).sum().item<double>();
    EXPECT_LE(differing, 4) << index;  // pixels whose alpha is one half to the last bit
  }
}

TEST(Synthesis, CurveTablesInvertEachOther) {
  for (const CameraCurve& curve : {CameraCurve{}, CameraCurve{CurveKind::kGamma, 2.6, 1.25},
                                   CameraCurve{CurveKind::kGamma, 1.8, 0.85}}) {
    Degradation look;
    look.curve = curve;
    const ResponseTables tables = response_tables(look);
    const torch::Tensor linear =
        torch::tensor(std::vector<float>(tables.decode.begin(), tables.decode.begin() + 256));
    const torch::Tensor codes = encode_linear(linear, tables) * 255;
    EXPECT_LT((codes - torch::arange(256)).abs().max().item<double>(), 0.4);
  }
}

TEST(Degrade, NoiseHasTheVarianceOfItsModel) {
  Degradation look;
  look.photon_gain = 4e-3;
  look.read_sigma = 0.005;
  for (const float level : {0.05F, 0.5F}) {
    const torch::Tensor noisy = add_noise(torch::full({1, 3, 128, 128}, level), look, 77);
    const double sigma = std::sqrt(look.photon_gain * level + look.read_sigma * look.read_sigma);
    EXPECT_NEAR(noisy.std().item<double>(), sigma, 0.03 * sigma);
    EXPECT_NEAR(noisy.mean().item<double>(), level, 0.03 * sigma);
  }
}

TEST(Degrade, MosaicNoiseIsCorrelatedBetweenNeighbours) {
  Degradation look;
  look.photon_gain = 4e-3;
  const auto correlation = [&] {
    const torch::Tensor noise = add_noise(torch::full({1, 3, 128, 128}, 0.5F), look, 5) - 0.5F;
    const torch::Tensor left = noise.slice(3, 0, 127), right = noise.slice(3, 1, 128);
    return ((left * right).mean() / (noise * noise).mean()).item<double>();
  };
  EXPECT_NEAR(correlation(), 0, 0.03);
  look.correlated_noise = true;
  EXPECT_GT(correlation(), 0.2);
}

// What libjpeg makes of the same picture at the same quality.
torch::Tensor real_jpeg(const torch::Tensor& bytes, int quality, bool chroma_420) {
  const Frame frame = frame_from_tensor(bytes);
  const int width = frame.format.width, height = frame.format.height;
  unsigned char* jpeg = nullptr;
  unsigned long size = 0;
  tjhandle encoder = tjInitCompress();
  tjCompress2(encoder, reinterpret_cast<const unsigned char*>(frame.data.data()), width, 0, height, TJPF_RGB,
              &jpeg, &size, chroma_420 ? TJSAMP_420 : TJSAMP_444, quality, TJFLAG_ACCURATEDCT);
  Frame decoded(frame.format);
  tjhandle decoder = tjInitDecompress();
  tjDecompress2(decoder, jpeg, size, reinterpret_cast<unsigned char*>(decoded.data.data()), width, 0, height,
                TJPF_RGB, TJFLAG_ACCURATEDCT);
  tjFree(jpeg);
  tjDestroy(encoder);
  tjDestroy(decoder);
  return (tensor_from_frame(decoded) * 255).round().to(torch::kUInt8);
}

TEST(Degrade, JpegLossIsThatOfLibjpeg) {
  const Photo photo = wave_photo(128, 96, 3);
  const torch::Tensor picture =
      torch::from_blob(const_cast<std::uint8_t*>(photo.rgb.data()), {96, 128, 3}, torch::kUInt8)
          .permute({2, 0, 1})
          .contiguous();
  const torch::Tensor ones = torch::ones({1, 96, 128});
  for (const bool chroma_420 : {false, true}) {
    for (const int quality : {50, 75, 90}) {
      const torch::Tensor ours =
          to_bytes(jpeg_loss(picture.to(torch::kFloat32).div(255).unsqueeze(0), quality, chroma_420))[0];
      const torch::Tensor theirs = real_jpeg(picture, quality, chroma_420);
      const double loss = psnr(theirs, picture, ones);
      EXPECT_NEAR(psnr(ours, picture, ones), loss, 0.3) << quality << chroma_420;
      EXPECT_GT(psnr(ours, theirs, ones), loss + 6)
          << quality << chroma_420;  // the same errors, not just as many
    }
  }
}

TEST(Validation, ClipsFallIntoTheirBins) {
  for (int seed = 0; seed < 10; ++seed) {
    const ClipPlan plan = validation_plan(photos(), seed);
    EXPECT_EQ(plan.bin(), seed % kBinCount);
    EXPECT_EQ(plan.frames, kValidationFrames);
    EXPECT_EQ(plan.width, kValidationSide);
  }
}

TEST(Validation, CleanPathClipsMoveAsTheOthers) {
  const ClipPlan noisy = path_validation_plan(photos(), 2, false),
                 clean = path_validation_plan(photos(), 2, true);
  EXPECT_EQ(noisy.bin(), 2);
  EXPECT_EQ(clean.blur_length, noisy.blur_length);
  EXPECT_EQ(clean.degradation.photon_gain, 0);
  EXPECT_EQ(clean.degradation.jpeg_quality, 0);
  EXPECT_EQ(clean.degradation.highlight, 1);
  const Clip clip = path_validation_clip(clean, photos());
  EXPECT_EQ(clip.gather.size(1), 15);
  EXPECT_EQ(clip.shown.sizes(),
            (std::vector<std::int64_t>{kPathFrames, 1, kValidationSide, kValidationSide}));
}

}  // namespace
}  // namespace unblur
