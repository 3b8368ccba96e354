// SPDX-License-Identifier: MIT
#include "fake_camera.h"

#include <linux/videodev2.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>

namespace unblur::test {
namespace {

/// The controls that it has, as a camera lists them.
struct FakeControl {
  std::uint32_t id, type;
  const char* name;
  std::int32_t low, high, step, usual, value;
};
constexpr FakeControl kFakeControls[] = {
    {V4L2_CID_EXPOSURE_AUTO, V4L2_CTRL_TYPE_MENU, "Auto Exposure", 0, 3, 1, 3, 3},
    {V4L2_CID_EXPOSURE_ABSOLUTE, V4L2_CTRL_TYPE_INTEGER, "Exposure Time, Absolute", 3, 2047, 4, 250, 250},
    {V4L2_CID_GAIN, V4L2_CTRL_TYPE_INTEGER, "Gain", 0, 255, 1, 0, 0},
    {V4L2_CID_POWER_LINE_FREQUENCY, V4L2_CTRL_TYPE_MENU, "Power Line Frequency", 0, 2, 1, 1, 1}};

class MemoryCamera : public FakeCamera {
 public:
  MemoryCamera(FakeCameraScript script, FakeCameraLog* log) : script_(std::move(script)), log_(log) {
    ++log_->opened;
  }
  ~MemoryCamera() override {
    free_buffers();
    --log_->opened;
  }
  MemoryCamera(const MemoryCamera&) = delete;
  MemoryCamera& operator=(const MemoryCamera&) = delete;

  int control(unsigned long request, void* argument) override {
    const std::lock_guard lock(mutex_);
    if (*script_.command == FakeCommand::kGone) return ENODEV;
    switch (request) {
      case VIDIOC_QUERYCAP:
        return query(*static_cast<v4l2_capability*>(argument));
      case VIDIOC_ENUM_FMT:
        return list(*static_cast<v4l2_fmtdesc*>(argument));
      case VIDIOC_ENUM_FRAMESIZES:
        return list(*static_cast<v4l2_frmsizeenum*>(argument));
      case VIDIOC_ENUM_FRAMEINTERVALS:
        return list(*static_cast<v4l2_frmivalenum*>(argument));
      case VIDIOC_QUERYCTRL:
        return query(*static_cast<v4l2_queryctrl*>(argument));
      case VIDIOC_QUERYMENU:
        return query(*static_cast<v4l2_querymenu*>(argument));
      case VIDIOC_G_CTRL:
      case VIDIOC_S_CTRL:
        return control_value(*static_cast<v4l2_control*>(argument), request == VIDIOC_S_CTRL);
      case VIDIOC_S_FMT:
        return set(static_cast<v4l2_format*>(argument)->fmt.pix);
      case VIDIOC_S_PARM:
        return 0;
      case VIDIOC_REQBUFS:
        return make_buffers(static_cast<v4l2_requestbuffers*>(argument)->count);
      case VIDIOC_QUERYBUF:
        return describe(*static_cast<v4l2_buffer*>(argument));
      case VIDIOC_QBUF:
        queued_.push_back(static_cast<v4l2_buffer*>(argument)->index);
        return 0;
      case VIDIOC_DQBUF:
        return dequeue(*static_cast<v4l2_buffer*>(argument));
      case VIDIOC_STREAMON:
      case VIDIOC_STREAMOFF:
        log_->streaming = request == VIDIOC_STREAMON;
        return 0;
      default:
        return ENOTTY;
    }
  }

  void* map(std::size_t bytes, std::int64_t offset) override {
    void* data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file_, offset);
    if (data == MAP_FAILED) return nullptr;
    ++log_->mapped;
    return data;
  }
  void unmap(void* data, std::size_t bytes) override {
    ::munmap(data, bytes);
    --log_->mapped;
  }

  Wait wait(int milliseconds) override {
    const bool silent = !script_.picture || *script_.command == FakeCommand::kStall;
    if (silent) {
      std::this_thread::sleep_for(std::chrono::milliseconds(std::min(milliseconds, 5)));
      return Wait::kTimeout;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(script_.interval_us));
    produce();
    const std::lock_guard lock(mutex_);
    return done_.empty() && is_gone() && script_.unplug_in_poll ? Wait::kGone : Wait::kFrame;
  }

  bool produce() override {
    const std::lock_guard lock(mutex_);
    const FakeCommand command = *script_.command;
    if (!log_->streaming || !script_.picture || command == FakeCommand::kStall || is_gone()) return false;
    const int n = next_++;
    if (queued_.empty()) {
      ++log_->lost;
      return false;
    }
    std::vector<std::byte> bytes = script_.picture(n);
    if (command == FakeCommand::kBroken) bytes.resize(bytes.size() / 2);
    v4l2_buffer b{};
    b.index = queued_.front();
    queued_.pop_front();
    std::memcpy(memory_ + b.index * length_, bytes.data(), std::min(bytes.size(), length_));
    b.bytesused = static_cast<std::uint32_t>(bytes.size());
    std::int64_t micros = 1'000'000'000 + n * 33333L;
    if (script_.real_time) {
      const auto now = std::chrono::steady_clock::now().time_since_epoch();
      micros = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
    }
    b.timestamp = {micros / 1'000'000, micros % 1'000'000};
    done_.push_back(b);
    return true;
  }

 private:
  [[nodiscard]] bool is_gone() const {
    return *script_.command == FakeCommand::kGone ||
           (script_.unplug_after >= 0 && next_ >= script_.unplug_after);
  }

  int query(v4l2_capability& c) const {
    std::memcpy(c.card, "Fake camera", sizeof "Fake camera");
    c.capabilities = V4L2_CAP_DEVICE_CAPS;
    c.device_caps = V4L2_CAP_STREAMING | (script_.captures ? V4L2_CAP_VIDEO_CAPTURE : V4L2_CAP_META_CAPTURE);
    return 0;
  }
  FakeControl* find_control(std::uint32_t id) {
    const auto found = std::ranges::find(controls_, id, &FakeControl::id);
    return found == controls_.end() ? nullptr : &*found;
  }
  int query(v4l2_queryctrl& q) {
    const FakeControl* c = find_control(q.id);
    if (c == nullptr) return EINVAL;
    q.type = c->type;
    std::strncpy(reinterpret_cast<char*>(q.name), c->name, sizeof q.name - 1);
    q.minimum = c->low, q.maximum = c->high, q.step = c->step, q.default_value = c->usual;
    const bool automatic = find_control(V4L2_CID_EXPOSURE_AUTO)->value != V4L2_EXPOSURE_MANUAL;
    q.flags = q.id == V4L2_CID_EXPOSURE_ABSOLUTE && automatic ? V4L2_CTRL_FLAG_INACTIVE : 0;
    return 0;
  }
  /// Exposure menus of real cameras have gaps.
  int query(v4l2_querymenu& m) const {
    const char* name = nullptr;
    if (m.id == V4L2_CID_EXPOSURE_AUTO)
      name = m.index == 1 ? "Manual Mode" : m.index == 3 ? "Aperture Priority Mode" : nullptr;
    constexpr const char* kLines[] = {"Disabled", "50 Hz", "60 Hz"};
    if (m.id == V4L2_CID_POWER_LINE_FREQUENCY && m.index < std::size(kLines)) name = kLines[m.index];
    if (name == nullptr) return EINVAL;
    std::strncpy(reinterpret_cast<char*>(m.name), name, sizeof m.name - 1);
    return 0;
  }
  int control_value(v4l2_control& c, bool set) {
    FakeControl* found = find_control(c.id);
    if (found == nullptr) return EINVAL;
    if (set && (c.value < found->low || c.value > found->high || (c.value - found->low) % found->step != 0))
      return ERANGE;
    if (set) found->value = c.value;
    if (set && c.id == V4L2_CID_GAIN) log_->gain = c.value;
    c.value = found->value;
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
    if (script_.answer_width > 0) {
      pix.width = static_cast<std::uint32_t>(script_.answer_width);
      pix.height = static_cast<std::uint32_t>(script_.answer_height);
    }
    log_->fourcc = pix.pixelformat;
    log_->width = static_cast<int>(pix.width);
    log_->height = static_cast<int>(pix.height);
    if (pix.pixelformat == V4L2_PIX_FMT_YUYV)
      pix.bytesperline = 2 * pix.width + static_cast<std::uint32_t>(script_.padding);
    constexpr std::size_t kPage = 4096;
    length_ = (static_cast<std::size_t>(log_->width * log_->height) * 4 + 2 * kPage - 1) / kPage * kPage;
    return 0;
  }

  void free_buffers() {
    if (memory_ != nullptr) ::munmap(memory_, bytes_);
    if (file_ >= 0) ::close(file_);
    memory_ = nullptr;
    file_ = -1;
    queued_.clear(), done_.clear();
  }
  int make_buffers(std::uint32_t count) {
    free_buffers();
    if (count == 0) return 0;
    bytes_ = count * length_;
    file_ = ::memfd_create("fake camera", MFD_CLOEXEC);
    if (file_ < 0 || ::ftruncate(file_, static_cast<off_t>(bytes_)) != 0) return ENOMEM;
    void* data = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file_, 0);
    if (data == MAP_FAILED) return ENOMEM;
    memory_ = static_cast<std::byte*>(data);
    return 0;
  }
  int describe(v4l2_buffer& b) const {
    b.length = static_cast<std::uint32_t>(length_);
    b.m.offset = static_cast<std::uint32_t>(b.index * length_);
    return 0;
  }
  int dequeue(v4l2_buffer& b) {
    if (*script_.command == FakeCommand::kError) return EIO;
    if (done_.empty()) return is_gone() ? ENODEV : EAGAIN;
    b = done_.front();
    done_.pop_front();
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
  std::mutex mutex_;
  std::vector<FakeControl> controls_{std::begin(kFakeControls), std::end(kFakeControls)};
  int file_ = -1;
  std::byte* memory_ = nullptr;
  std::size_t length_ = 0, bytes_ = 0;  ///< of one buffer, of all
  std::deque<std::uint32_t> queued_;
  std::deque<v4l2_buffer> done_;
  int next_ = 0;
};

}  // namespace

std::unique_ptr<FakeCamera> make_fake_camera(FakeCameraScript script, FakeCameraLog* log) {
  return std::make_unique<MemoryCamera>(std::move(script), log);
}

}  // namespace unblur::test
