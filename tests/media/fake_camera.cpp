// SPDX-License-Identifier: MIT
#include "fake_camera.h"

#include <linux/videodev2.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <thread>

namespace unblur::test {
namespace {

class FakeCamera : public CameraDevice {
 public:
  FakeCamera(FakeCameraScript script, FakeCameraLog* log) : script_(std::move(script)), log_(log) {
    ++log_->opened;
  }
  ~FakeCamera() override { --log_->opened; }
  FakeCamera(const FakeCamera&) = delete;
  FakeCamera& operator=(const FakeCamera&) = delete;

  int control(unsigned long request, void* argument) override {
    switch (request) {
      case VIDIOC_QUERYCAP:
        return query(*static_cast<v4l2_capability*>(argument));
      case VIDIOC_ENUM_FMT:
        return list(*static_cast<v4l2_fmtdesc*>(argument));
      case VIDIOC_ENUM_FRAMESIZES:
        return list(*static_cast<v4l2_frmsizeenum*>(argument));
      case VIDIOC_ENUM_FRAMEINTERVALS:
        return list(*static_cast<v4l2_frmivalenum*>(argument));
      case VIDIOC_S_FMT:
        return set(static_cast<v4l2_format*>(argument)->fmt.pix);
      case VIDIOC_S_PARM:
        return 0;
      case VIDIOC_REQBUFS:
        buffers_.resize(static_cast<v4l2_requestbuffers*>(argument)->count);
        return 0;
      case VIDIOC_QUERYBUF:
        return describe(*static_cast<v4l2_buffer*>(argument));
      case VIDIOC_QBUF:
        queued_.push_back(static_cast<v4l2_buffer*>(argument)->index);
        return 0;
      case VIDIOC_DQBUF:
        return fill(*static_cast<v4l2_buffer*>(argument));
      case VIDIOC_STREAMON:
      case VIDIOC_STREAMOFF:
        log_->streaming = request == VIDIOC_STREAMON;
        return 0;
      default:
        return ENOTTY;
    }
  }

  void* map(std::size_t bytes, std::int64_t offset) override {
    ++log_->mapped;
    auto& buffer = buffers_.at(static_cast<std::size_t>(offset / 4096));
    buffer.resize(bytes);
    return buffer.data();
  }
  void unmap(void*, std::size_t) override { --log_->mapped; }

  Wait wait(int milliseconds) override {
    if (!script_.picture) {
      std::this_thread::sleep_for(std::chrono::milliseconds(std::min(milliseconds, 5)));
      return Wait::kTimeout;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(script_.interval_us));
    return is_gone() && script_.unplug_in_poll ? Wait::kGone : Wait::kFrame;
  }

 private:
  [[nodiscard]] bool is_gone() const { return script_.unplug_after >= 0 && next_ >= script_.unplug_after; }

  int query(v4l2_capability& c) const {
    c.capabilities = V4L2_CAP_DEVICE_CAPS;
    c.device_caps = V4L2_CAP_STREAMING | (script_.captures ? V4L2_CAP_VIDEO_CAPTURE : V4L2_CAP_META_CAPTURE);
    return 0;
  }
  int list(v4l2_fmtdesc& f) const {
    if (f.index >= script_.formats.size()) return EINVAL;
    f.pixelformat = script_.formats[f.index].fourcc;
    return 0;
  }
  int list(v4l2_frmsizeenum& s) const {
    const auto* format = find(s.pixel_format);
    if (format == nullptr || s.index >= format->sizes.size()) return EINVAL;
    s.type = V4L2_FRMSIZE_TYPE_DISCRETE;
    s.discrete.width = static_cast<std::uint32_t>(format->sizes[s.index].width);
    s.discrete.height = static_cast<std::uint32_t>(format->sizes[s.index].height);
    return 0;
  }
  int list(v4l2_frmivalenum& i) const {
    const auto* format = find(i.pixel_format);
    if (format == nullptr) return EINVAL;
    for (const auto& size : format->sizes) {
      if (static_cast<std::uint32_t>(size.width) != i.width ||
          static_cast<std::uint32_t>(size.height) != i.height)
        continue;
      if (i.index >= size.rates.size()) return EINVAL;
      i.type = V4L2_FRMIVAL_TYPE_DISCRETE;
      i.discrete = {1, static_cast<std::uint32_t>(size.rates[i.index])};
      return 0;
    }
    return EINVAL;
  }
  int set(v4l2_pix_format& pix) {
    if (script_.busy) return EBUSY;
    log_->fourcc = pix.pixelformat;
    log_->width = static_cast<int>(pix.width);
    log_->height = static_cast<int>(pix.height);
    if (pix.pixelformat == V4L2_PIX_FMT_YUYV)
      pix.bytesperline = 2 * pix.width + static_cast<std::uint32_t>(script_.padding);
    return 0;
  }
  int describe(v4l2_buffer& b) const {
    b.length = static_cast<std::uint32_t>(log_->width * log_->height * 4 + 4096);
    b.m.offset = b.index * 4096;
    return 0;
  }
  int fill(v4l2_buffer& b) {
    if (is_gone()) return ENODEV;
    if (queued_.empty()) return EAGAIN;
    b.index = queued_.front();
    queued_.pop_front();
    const int n = next_++;
    const std::vector<std::byte> bytes = script_.picture(n);
    std::memcpy(buffers_[b.index].data(), bytes.data(), bytes.size());
    b.bytesused = static_cast<std::uint32_t>(bytes.size());
    b.timestamp = {1000 + n * 33333L / 1'000'000, n * 33333L % 1'000'000};
    return 0;
  }
  [[nodiscard]] const FakeCameraScript::Format* find(std::uint32_t fourcc) const {
    for (const auto& f : script_.formats) {
      if (f.fourcc == fourcc) return &f;
    }
    return nullptr;
  }

  FakeCameraScript script_;
  FakeCameraLog* log_;
  std::vector<std::vector<std::byte>> buffers_;
  std::deque<std::uint32_t> queued_;
  int next_ = 0;
};

}  // namespace

std::unique_ptr<CameraDevice> make_fake_camera(FakeCameraScript script, FakeCameraLog* log) {
  return std::make_unique<FakeCamera>(std::move(script), log);
}

}  // namespace unblur::test
