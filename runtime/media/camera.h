// SPDX-License-Identifier: MIT
// A camera as a source of frames. A thread of its own empties the device's buffers, and `read` gets the
// newest frame: whoever is slow loses frames, never time.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <span>
#include <thread>

#include "media/camera_device.h"

namespace unblur {

class CameraSource : public FrameSource {
 public:
  /// Chooses a mode, starts the stream and waits for the first picture. A camera may answer another size than
  /// it listed: that one is taken unless `options` asked for a size. Throws InputError (no camera, in use, no
  /// readable format, no picture within `patience`, `cancelled` was raised), UsageError (size that the camera
  /// lacks). `cancelled`, where given, must outlive the source; raising it later ends the frames.
  CameraSource(std::unique_ptr<CameraDevice> device, const std::string& name,
               const CameraOptions& options = {}, int patience_ms = 5000,
               const std::atomic<bool>* cancelled = nullptr);
  ~CameraSource() override;
  CameraSource(const CameraSource&) = delete;
  CameraSource& operator=(const CameraSource&) = delete;

  /// live; `time_base` is 1 us, times are the device's own, from 0.
  [[nodiscard]] const StreamInfo& info() const override { return info_; }
  /// The newest frame that was not read yet; waits for one. False once the camera is gone: see `damage`.
  bool read(TimedFrame& out) override;
  /// Waits for a frame at most so long. True once `read` will not wait: there is a frame, or the end.
  [[nodiscard]] bool wait(int milliseconds);
  /// When the frame read last was taken, in us of the steady clock as the driver stamped it.
  [[nodiscard]] std::int64_t captured() const noexcept { return raw_.micros; }
  /// Exposure and the like (media/camera_controls.h), while frames run.
  [[nodiscard]] CameraDevice& device() noexcept { return *device_; }
  /// Why frames ended: unplugged, silent, only damaged pictures.
  [[nodiscard]] std::optional<std::string> damage() const override { return damage_; }

  [[nodiscard]] const CameraMode& mode() const noexcept { return mode_; }
  /// Frames that came and were replaced by a newer one before anybody read them.
  [[nodiscard]] std::int64_t dropped() const noexcept { return dropped_; }

 private:
  struct Raw {
    std::vector<std::byte> bytes;
    std::int64_t micros = 0;
  };
  struct Buffer {
    void* data = nullptr;
    std::size_t bytes = 0;
  };

  void require(unsigned long request, void* argument, const char* what);
  void set_mode(bool exactly);
  void start();
  void stop() noexcept;
  void capture();
  bool take_buffer();
  void end(const std::string& why);
  bool take_newest(Raw& raw);
  [[nodiscard]] bool decode(const Raw& raw, Frame& out) const;
  [[nodiscard]] bool decode_yuyv(const Raw& raw, Frame& out) const;

  std::unique_ptr<CameraDevice> device_;
  std::string name_;
  int patience_ms_;
  const std::atomic<bool>* cancelled_;
  CameraMode mode_;
  std::size_t row_bytes_ = 0;  ///< of YUYV
  StreamInfo info_;
  std::vector<Buffer> buffers_;

  std::thread thread_;
  std::atomic<bool> stop_{false};
  std::atomic<std::int64_t> dropped_{0};
  std::mutex mutex_;  ///< guards the three below
  std::condition_variable changed_;
  Raw newest_;
  bool fresh_ = false;
  std::string ended_;  ///< why the capture thread stopped

  Raw raw_;
  std::optional<Frame> first_;  ///< decoded at opening, since only a picture tells its subsampling
  std::int64_t first_micros_ = 0, last_pts_ = -1, next_ = 0;
  std::optional<std::string> damage_;
};

/// Decodes a JPEG picture as a camera sends it (Huffman tables may be missing) to planar YUV of the picture's
/// own subsampling, full range BT.601; grey stays grey, unusual subsampling or odd sizes become RGB. False if
/// it is cut off or damaged.
[[nodiscard]] bool decode_camera_jpeg(std::span<const std::byte> bytes, Frame& out);

}  // namespace unblur
