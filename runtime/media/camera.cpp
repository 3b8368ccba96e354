// SPDX-License-Identifier: MIT
#include "media/camera.h"

#include <fmt/format.h>
#include <linux/videodev2.h>
#include <turbojpeg.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "graph/error.h"

namespace unblur {
namespace {

constexpr int kBuffers = 4;
constexpr int kMaxBad = 100;  ///< damaged pictures in a row until we give up

v4l2_buffer buffer_request(std::uint32_t index = 0) {
  v4l2_buffer b{};
  b.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  b.memory = V4L2_MEMORY_MMAP;
  b.index = index;
  return b;
}

/// As the driver describes it; UVC cameras mostly leave it open, which stands for BT.601 in limited range.
ColourDescription colour_of(const v4l2_pix_format& pix) {
  ColourDescription colour;
  const bool jpeg = pix.colorspace == V4L2_COLORSPACE_JPEG;
  const bool full = pix.quantization == V4L2_QUANTIZATION_FULL_RANGE ||
                    (jpeg && pix.quantization == V4L2_QUANTIZATION_DEFAULT);
  colour.range = full ? ColourRange::kFull : ColourRange::kLimited;
  colour.matrix = ColourMatrix::kBt601;
  const bool open = pix.ycbcr_enc == V4L2_YCBCR_ENC_DEFAULT;
  if (pix.ycbcr_enc == V4L2_YCBCR_ENC_709 || (open && pix.colorspace == V4L2_COLORSPACE_REC709))
    colour.matrix = ColourMatrix::kBt709;
  if (pix.ycbcr_enc == V4L2_YCBCR_ENC_BT2020 || (open && pix.colorspace == V4L2_COLORSPACE_BT2020))
    colour.matrix = ColourMatrix::kBt2020;
  return colour;
}

std::int64_t micros_of(const timeval& t) {
  if (t.tv_sec != 0 || t.tv_usec != 0) return std::int64_t{t.tv_sec} * 1'000'000 + t.tv_usec;
  const auto now = std::chrono::steady_clock::now().time_since_epoch();  // a driver without time stamps
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

/// Buffers are larger than pictures, so that zeros may follow; a picture without its end marker is cut off.
bool ends_as_jpeg(std::span<const std::byte> bytes) {
  std::size_t size = bytes.size();
  while (size > 2 && bytes[size - 1] == std::byte{0}) --size;
  return size > 4 && bytes[0] == std::byte{0xFF} && bytes[1] == std::byte{0xD8} &&
         bytes[size - 2] == std::byte{0xFF} && bytes[size - 1] == std::byte{0xD9};
}

FrameFormat jpeg_format(int subsampling, int width, int height) {
  FrameFormat f;
  f.width = width;
  f.height = height;
  f.colour = {ColourRange::kFull, ColourMatrix::kBt601, ChromaLocation::kCentre};
  const bool even = width % 2 == 0 && height % 2 == 0;  // libturbojpeg pads the planes of odd ones
  if (subsampling == TJSAMP_GRAY) f.layout = PixelLayout::kGrey;
  if (subsampling == TJSAMP_444) f.layout = PixelLayout::kYuv444;
  if (subsampling == TJSAMP_422 && even) f.layout = PixelLayout::kYuv422;
  if (subsampling == TJSAMP_420 && even) f.layout = PixelLayout::kYuv420;
  if (f.layout == PixelLayout::kRgb || f.layout == PixelLayout::kGrey) f.colour = {};
  return f;
}

}  // namespace

bool decode_camera_jpeg(std::span<const std::byte> bytes, Frame& out) {
  if (!ends_as_jpeg(bytes)) return false;
  const std::unique_ptr<void, int (*)(tjhandle)> handle(tjInitDecompress(), tjDestroy);
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  int width = 0, height = 0, subsampling = 0, space = 0;
  if (!handle ||
      tjDecompressHeader3(handle.get(), data, bytes.size(), &width, &height, &subsampling, &space) != 0 ||
      width < 1 || height < 1 || width > 16384 || height > 16384) {
    return false;
  }
  out.format = jpeg_format(subsampling, width, height);
  out.data.resize(out.format.total_bytes());
  int code = 0;
  if (out.format.layout == PixelLayout::kRgb) {
    code = tjDecompress2(handle.get(), data, bytes.size(), reinterpret_cast<unsigned char*>(out.data.data()),
                         width, 0, height, TJPF_RGB, TJFLAG_ACCURATEDCT);
  } else {
    unsigned char* planes[3] = {};
    int strides[3] = {};
    for (int p = 0; p < out.format.plane_count(); ++p) {
      planes[p] = reinterpret_cast<unsigned char*>(out.plane(p));
      strides[p] = static_cast<int>(out.format.row_bytes(p));
    }
    code = tjDecompressToYUVPlanes(handle.get(), data, bytes.size(), planes, width, strides, height,
                                   TJFLAG_ACCURATEDCT);
  }
  // Stray bytes between markers are usual with cameras and only a warning.
  return code == 0 || tjGetErrorCode(handle.get()) == TJERR_WARNING;
}

CameraSource::CameraSource(std::unique_ptr<CameraDevice> device, const std::string& name,
                           const CameraOptions& options, int patience_ms, const std::atomic<bool>* cancelled)
    : device_(std::move(device)), name_(name), patience_ms_(patience_ms), cancelled_(cancelled) {
  mode_ = choose_mode(camera_modes(*device_, name_, options), name_, options);
  set_mode(options.width > 0 && !options.nearest);
  try {
    start();
    Frame first;
    for (int bad = 0; !first_;) {
      if (!take_newest(raw_)) throw InputError(fmt::format("{}: {}", name_, ended_));
      if (decode(raw_, first)) {
        first_ = std::move(first);
      } else if (++bad > kMaxBad) {
        throw InputError(fmt::format("{}: none of its pictures can be decoded", name_));
      }
    }
  } catch (...) {
    stop();
    throw;
  }
  info_.name = name_;
  info_.kind = "camera";
  info_.codec = mode_.pixel_format == V4L2_PIX_FMT_YUYV ? "yuyv" : "mjpeg";
  info_.format = first_->format;
  info_.time_base = {1, 1'000'000};
  info_.frame_rate = mode_.rate.known() ? mode_.rate : Rational{30, 1};
  info_.live = true;
  first_micros_ = raw_.micros;
}

CameraSource::~CameraSource() { stop(); }

void CameraSource::require(unsigned long request, void* argument, const char* what) {
  const int error = device_->control(request, argument);
  if (error == 0) return;
  if (error == EBUSY)
    throw InputError(fmt::format("{}: in use by another program; close the camera there", name_));
  throw InputError(fmt::format("{}: the camera does not {}: {}", name_, what, std::strerror(error)));
}

void CameraSource::set_mode(bool exactly) {
  v4l2_format format{};
  format.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  v4l2_pix_format& pix = format.fmt.pix;
  pix.width = static_cast<std::uint32_t>(mode_.width);
  pix.height = static_cast<std::uint32_t>(mode_.height);
  pix.pixelformat = mode_.pixel_format;
  pix.field = V4L2_FIELD_NONE;
  require(VIDIOC_S_FMT, &format, "accept its own format");
  const bool same_size = pix.width == static_cast<std::uint32_t>(mode_.width) &&
                         pix.height == static_cast<std::uint32_t>(mode_.height);
  const bool usable = pix.width > 0 && pix.height > 0 && pix.width <= 16384 && pix.height <= 16384;
  if (pix.pixelformat != mode_.pixel_format || !usable || (exactly && !same_size)) {
    throw InputError(fmt::format("{}: asked for {}x{}, the camera gives {}x{}; choose another --size", name_,
                                 mode_.width, mode_.height, pix.width, pix.height));
  }
  mode_.width = static_cast<int>(pix.width);
  mode_.height = static_cast<int>(pix.height);
  row_bytes_ = std::max<std::size_t>(pix.bytesperline, 2 * static_cast<std::size_t>(mode_.width));
  info_.format.layout = PixelLayout::kYuv422;
  info_.format.width = mode_.width;
  info_.format.height = mode_.height;
  info_.format.colour = colour_of(pix);

  if (!mode_.rate.known()) return;
  v4l2_streamparm parameters{};
  parameters.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  v4l2_fract& interval = parameters.parm.capture.timeperframe;
  interval = {static_cast<std::uint32_t>(mode_.rate.den), static_cast<std::uint32_t>(mode_.rate.num)};
  if (device_->control(VIDIOC_S_PARM, &parameters) == 0 && interval.numerator > 0 && interval.denominator > 0)
    mode_.rate = {interval.denominator, interval.numerator};  // what it really does
}

void CameraSource::start() {
  v4l2_requestbuffers request{};
  request.count = kBuffers;
  request.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  request.memory = V4L2_MEMORY_MMAP;
  require(VIDIOC_REQBUFS, &request, "give buffers");
  for (std::uint32_t i = 0; i < request.count; ++i) {
    v4l2_buffer b = buffer_request(i);
    require(VIDIOC_QUERYBUF, &b, "describe a buffer");
    void* data = device_->map(b.length, b.m.offset);
    if (data == nullptr) throw InputError(fmt::format("{}: a buffer cannot be mapped", name_));
    buffers_.push_back({data, b.length});
    require(VIDIOC_QBUF, &b, "take a buffer");
  }
  int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  require(VIDIOC_STREAMON, &type, "start");
  thread_ = std::thread([this] { capture(); });
}

void CameraSource::stop() noexcept {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
  int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  device_->control(VIDIOC_STREAMOFF, &type);
  for (const Buffer& b : buffers_) device_->unmap(b.data, b.bytes);
  buffers_.clear();
}

void CameraSource::end(const std::string& why) {
  const std::lock_guard lock(mutex_);
  ended_ = why;
  changed_.notify_all();
}

void CameraSource::capture() {
  constexpr int kStep = 100;  // ms, until `stop_` is looked at again
  for (int silent = 0; !stop_;) {
    if (cancelled_ != nullptr && *cancelled_) return end("cancelled");
    switch (device_->wait(kStep)) {
      case CameraDevice::Wait::kGone:
        return end("the camera was unplugged");
      case CameraDevice::Wait::kTimeout:
        silent += kStep;
        if (silent >= patience_ms_)
          return end(fmt::format("the camera sent no picture for {:.1f} s", patience_ms_ / 1000.0));
        break;
      case CameraDevice::Wait::kFrame:
        if (!take_buffer()) return;
        silent = 0;
    }
  }
}

/// One filled buffer becomes the newest picture and goes back to the device; false at the end.
bool CameraSource::take_buffer() {
  v4l2_buffer b = buffer_request();
  int error = device_->control(VIDIOC_DQBUF, &b);
  if (error == EAGAIN) return true;
  if (error == 0) {
    const bool good = (b.flags & V4L2_BUF_FLAG_ERROR) == 0 && b.index < buffers_.size();
    if (good && b.bytesused > 0 && b.bytesused <= buffers_[b.index].bytes) {
      const auto* data = static_cast<const std::byte*>(buffers_[b.index].data);
      const std::lock_guard lock(mutex_);
      newest_.bytes.assign(data, data + b.bytesused);
      newest_.micros = micros_of(b.timestamp);
      if (fresh_) ++dropped_;
      fresh_ = true;
      changed_.notify_all();
    }
    error = device_->control(VIDIOC_QBUF, &b);
  }
  if (error == 0) return true;
  end(error == ENODEV ? "the camera was unplugged"
                      : fmt::format("the camera failed: {}", std::strerror(error)));
  return false;
}

bool CameraSource::take_newest(Raw& raw) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return fresh_ || !ended_.empty(); });
  if (!fresh_) return false;
  std::swap(raw, newest_);
  fresh_ = false;
  return true;
}

bool CameraSource::wait(int milliseconds) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::milliseconds(milliseconds),
                           [this] { return fresh_ || first_ || !ended_.empty(); });
}

bool CameraSource::decode_yuyv(const Raw& raw, Frame& out) const {
  FrameFormat f = info_.format;
  f.layout = PixelLayout::kYuv422;
  const auto w = static_cast<std::size_t>(mode_.width), h = static_cast<std::size_t>(mode_.height);
  const std::size_t used = (w + 1) / 2 * 4;  // of a row
  if (raw.bytes.size() < (h - 1) * row_bytes_ + used) return false;
  out.format = f;
  out.data.resize(f.total_bytes());
  for (std::size_t y = 0; y < h; ++y) {
    const std::byte* in = raw.bytes.data() + y * row_bytes_;
    std::byte* luma = out.plane(0) + y * f.row_bytes(0);
    std::byte* u = out.plane(1) + y * f.row_bytes(1);
    std::byte* v = out.plane(2) + y * f.row_bytes(2);
    for (std::size_t x = 0; x < w; ++x) luma[x] = in[2 * x];
    for (std::size_t x = 0; x < (w + 1) / 2; ++x) {
      u[x] = in[4 * x + 1];
      v[x] = in[4 * x + 3];
    }
  }
  return true;
}

bool CameraSource::decode(const Raw& raw, Frame& out) const {
  if (mode_.pixel_format == V4L2_PIX_FMT_YUYV) return decode_yuyv(raw, out);
  return decode_camera_jpeg(raw.bytes, out);
}

bool CameraSource::read(TimedFrame& out) {
  if (first_) {
    out.frame = std::move(*first_);
    first_.reset();
  } else {
    for (int bad = 0;; ++bad) {
      if (bad > kMaxBad || !take_newest(raw_)) {
        damage_ = fmt::format("{}: {} after frame {}", name_,
                              bad > kMaxBad ? "no picture could be decoded any more" : ended_, next_);
        return false;
      }
      if (decode(raw_, out.frame) && out.frame.format == info_.format) break;
    }
  }
  out.pts = std::max(raw_.micros - first_micros_, last_pts_ + 1);  // encoders need rising times
  last_pts_ = out.pts;
  out.index = next_++;
  out.duration = 0;
  out.name.clear();
  return true;
}

}  // namespace unblur
