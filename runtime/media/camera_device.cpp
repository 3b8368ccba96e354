// SPDX-License-Identifier: MIT
#include "media/camera_device.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <set>
#include <tuple>

#include "graph/error.h"

namespace unblur {
namespace {

class KernelDevice : public CameraDevice {
 public:
  explicit KernelDevice(int file) : file_(file) {}
  ~KernelDevice() override { ::close(file_); }
  KernelDevice(const KernelDevice&) = delete;
  KernelDevice& operator=(const KernelDevice&) = delete;

  int control(unsigned long request, void* argument) override {
    int code = 0;
    do {
      code = ::ioctl(file_, request, argument);
    } while (code < 0 && errno == EINTR);
    return code < 0 ? errno : 0;
  }
  void* map(std::size_t bytes, std::int64_t offset) override {
    void* data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file_, offset);
    return data == MAP_FAILED ? nullptr : data;
  }
  void unmap(void* data, std::size_t bytes) override { ::munmap(data, bytes); }
  Wait wait(int milliseconds) override {
    pollfd p{file_, POLLIN, 0};
    const int ready = ::poll(&p, 1, milliseconds);
    if (ready < 0) return errno == EINTR ? Wait::kTimeout : Wait::kGone;
    if (ready == 0) return Wait::kTimeout;
    return (p.revents & POLLIN) != 0 ? Wait::kFrame : Wait::kGone;
  }

 private:
  int file_;
};

constexpr std::uint32_t kReadable[] = {V4L2_PIX_FMT_YUYV, V4L2_PIX_FMT_MJPEG, V4L2_PIX_FMT_JPEG};

std::string fourcc(std::uint32_t format) {
  std::string text;
  for (int i = 0; i < 4; ++i) text += static_cast<char>(format >> (8 * i) & 0x7F);
  return text;
}

void check_capability(CameraDevice& device, const std::string& name) {
  v4l2_capability capability{};
  if (device.control(VIDIOC_QUERYCAP, &capability) != 0)
    throw InputError(fmt::format("{}: not a video device", name));
  const std::uint32_t caps = (capability.capabilities & V4L2_CAP_DEVICE_CAPS) != 0 ? capability.device_caps
                                                                                   : capability.capabilities;
  constexpr std::uint32_t kNeeded = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
  if ((caps & kNeeded) != kNeeded) {
    throw InputError(
        fmt::format("{}: this device does not capture video; a camera often has two devices, try the number "
                    "before or after",
                    name));
  }
}

/// Rates of one size; a single unknown one where the device does not list them.
std::vector<Rational> rates_of(CameraDevice& device, std::uint32_t format, int width, int height,
                               double fps) {
  std::vector<Rational> rates;
  v4l2_frmivalenum interval{};
  interval.pixel_format = format;
  interval.width = static_cast<std::uint32_t>(width);
  interval.height = static_cast<std::uint32_t>(height);
  for (; interval.index < 256 && device.control(VIDIOC_ENUM_FRAMEINTERVALS, &interval) == 0;
       ++interval.index) {
    if (interval.type == V4L2_FRMIVAL_TYPE_DISCRETE) {
      rates.push_back({interval.discrete.denominator, interval.discrete.numerator});
      continue;
    }
    const auto rate = [](const v4l2_fract& f) { return Rational{f.denominator, f.numerator}; };
    const Rational fastest = rate(interval.stepwise.min), slowest = rate(interval.stepwise.max);
    rates.push_back(fastest);
    const double wanted = fps > 0 ? fps : 30;
    if (wanted > slowest.value() && wanted < fastest.value())
      rates.push_back({std::llround(wanted * 1000), 1000});
    break;
  }
  std::erase_if(rates, [](const Rational& r) { return !r.known(); });
  if (rates.empty()) rates.emplace_back();
  return rates;
}

std::vector<std::pair<int, int>> sizes_of(CameraDevice& device, std::uint32_t format,
                                          const CameraOptions& wish) {
  std::vector<std::pair<int, int>> sizes;
  v4l2_frmsizeenum size{};
  size.pixel_format = format;
  for (; size.index < 256 && device.control(VIDIOC_ENUM_FRAMESIZES, &size) == 0; ++size.index) {
    if (size.type == V4L2_FRMSIZE_TYPE_DISCRETE) {
      sizes.emplace_back(size.discrete.width, size.discrete.height);
      continue;
    }
    const auto& s = size.stepwise;
    sizes.emplace_back(s.max_width, s.max_height);
    const auto fits = [](int v, std::uint32_t low, std::uint32_t high, std::uint32_t step) {
      const auto u = static_cast<std::uint32_t>(v);
      return v > 0 && u >= low && u <= high && (step == 0 || (u - low) % step == 0);
    };
    for (const auto& [w, h] : {std::pair{wish.width, wish.height}, std::pair{1280, 720}}) {
      if (fits(w, s.min_width, s.max_width, s.step_width) &&
          fits(h, s.min_height, s.max_height, s.step_height))
        sizes.emplace_back(w, h);
    }
    break;
  }
  std::erase_if(sizes, [](const auto& s) {
    return s.first < 1 || s.second < 1 || s.first > 16384 || s.second > 16384;
  });
  return sizes;
}

}  // namespace

std::string camera_path(const std::string& name) {
  constexpr std::string_view kPrefix = "camera:";
  if (!name.starts_with(kPrefix)) return name;
  const std::string number = name.substr(kPrefix.size());
  unsigned value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc{} || end != number.data() + number.size())
    throw UsageError(fmt::format("{}: expected camera:N, as in camera:0 for /dev/video0", name));
  return fmt::format("/dev/video{}", value);
}

std::unique_ptr<CameraDevice> open_camera_device(const std::string& name) {
  const std::string path = camera_path(name);
  const int file = ::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (file >= 0) return std::make_unique<KernelDevice>(file);
  const int error = errno;
  if (error == ENOENT || error == ENODEV || error == ENXIO) {
    throw InputError(fmt::format(
        "{}: no such camera ({}); plug it in, and see `ls /dev/video*` for its number", name, path));
  }
  if (error == EACCES || error == EPERM) {
    throw InputError(
        fmt::format("{}: {} may not be opened; adduser $USER video, then log in again", name, path));
  }
  if (error == EBUSY) throw InputError(fmt::format("{}: in use by another program; close it there", name));
  throw InputError(fmt::format("{}: {}: {}", name, path, std::strerror(error)));
}

std::vector<CameraMode> camera_modes(CameraDevice& device, const std::string& name,
                                     const CameraOptions& wish) {
  check_capability(device, name);
  std::vector<CameraMode> modes;
  std::string others;
  v4l2_fmtdesc format{};
  format.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  for (; format.index < 256 && device.control(VIDIOC_ENUM_FMT, &format) == 0; ++format.index) {
    if (std::find(std::begin(kReadable), std::end(kReadable), format.pixelformat) == std::end(kReadable)) {
      others += (others.empty() ? "" : ", ") + fourcc(format.pixelformat);
      continue;
    }
    for (const auto& [w, h] : sizes_of(device, format.pixelformat, wish)) {
      for (const Rational& rate : rates_of(device, format.pixelformat, w, h, wish.fps))
        modes.push_back({format.pixelformat, w, h, rate});
    }
  }
  if (modes.empty()) {
    throw InputError(
        fmt::format("{}: this camera offers neither MJPEG nor YUYV{}; read it with ffmpeg and pipe "
                    "y4m into `unblur deblur -`",
                    name, others.empty() ? "" : " (only " + others + ")"));
  }
  return modes;
}

CameraMode choose_mode(const std::vector<CameraMode>& modes, const std::string& name,
                       const CameraOptions& wish) {
  const auto cost = [&](const CameraMode& m) {
    const double pixels = static_cast<double>(m.width) * m.height;
    const double wanted = wish.width > 0 ? static_cast<double>(wish.width) * wish.height : 1280.0 * 720.0;
    const bool same = m.width == wish.width && m.height == wish.height;
    const double size = same ? -1 : std::abs(std::log(pixels / wanted));
    const double rate = m.rate.known() ? std::abs(m.rate.value() - (wish.fps > 0 ? wish.fps : 30)) : 1e6;
    const int format = m.pixel_format == wish.pixel_format ? -1 : m.pixel_format == V4L2_PIX_FMT_YUYV ? 0 : 1;
    return std::tuple(size, rate, format);
  };
  const CameraMode* best = nullptr;
  std::set<std::pair<int, int>> sizes;
  for (const CameraMode& m : modes) {
    sizes.insert({m.width, m.height});
    if (!wish.nearest && wish.width > 0 && (m.width != wish.width || m.height != wish.height)) continue;
    if (best == nullptr || cost(m) < cost(*best)) best = &m;
  }
  if (best != nullptr) return *best;
  std::string list;
  for (const auto& [w, h] : sizes) list += fmt::format("{}{}x{}", list.empty() ? "" : ", ", w, h);
  throw UsageError(fmt::format("--size {}x{}: {} has {}", wish.width, wish.height, name, list));
}

}  // namespace unblur
