// SPDX-License-Identifier: MIT
// A library for LD_PRELOAD that puts the camera of tests/media/fake_camera.h behind a device file, so that a
// program runs on it unchanged. A descriptor of it is an eventfd, readable while a filled buffer waits;
// buffers are a memfd that both sides map.
//
//   UNBLUR_FAKE_V4L2_DEVICE   /dev/video9 unless given
//   UNBLUR_FAKE_V4L2_ANSWER   WxH that S_FMT answers whatever was asked
//   UNBLUR_FAKE_V4L2_COMMAND  a file that is read before every frame: run, broken, stall, eio, gone
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <turbojpeg.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

#include "fake_camera.h"

namespace unblur::test {
namespace {

template <typename F>
F* real(const char* name) {
  return reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name));
}

std::string environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

FakeCommand present_command() {
  std::ifstream file(environment("UNBLUR_FAKE_V4L2_COMMAND", "/nonexistent"));
  std::string word;
  file >> word;
  return word == "broken"  ? FakeCommand::kBroken
         : word == "stall" ? FakeCommand::kStall
         : word == "eio"   ? FakeCommand::kError
         : word == "gone"  ? FakeCommand::kGone
                           : FakeCommand::kRun;
}

/// A bright bar that moves to the right by 8 px a frame over a grey ramp, as luma; `gain` makes it brighter.
std::vector<unsigned char> bar(int n, int width, int height, int gain) {
  std::vector<unsigned char> luma(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const int from = 8 * n % width, at = (x - from + width) % width;
      luma[static_cast<std::size_t>(y * width + x)] =
          static_cast<unsigned char>(at < 16 ? 230 : 40 + gain / 3 + 80 * y / height);
    }
  }
  return luma;
}

std::vector<std::byte> picture(int n, const FakeCameraLog& log) {
  const std::vector<unsigned char> luma = bar(n, log.width, log.height, log.gain);
  std::vector<std::byte> bytes;
  if (log.fourcc == V4L2_PIX_FMT_YUYV) {
    for (const unsigned char v : luma) {
      bytes.push_back(std::byte{v});
      bytes.push_back(std::byte{128});
    }
    return bytes;
  }
  std::vector<unsigned char> rgb;
  for (const unsigned char v : luma) rgb.insert(rgb.end(), 3, v);
  const tjhandle handle = tjInitCompress();
  unsigned char* out = nullptr;
  unsigned long size = 0;
  tjCompress2(handle, rgb.data(), log.width, 0, log.height, TJPF_RGB, &out, &size, TJSAMP_422, 90, 0);
  bytes.assign(reinterpret_cast<std::byte*>(out), reinterpret_cast<std::byte*>(out) + size);
  tjFree(out);
  tjDestroy(handle);
  return bytes;
}

FakeCameraScript script() {
  FakeCameraScript s;
  s.formats = {{V4L2_PIX_FMT_MJPEG, {{640, 360, {60, 30}}, {320, 180, {30}}}},
               {V4L2_PIX_FMT_YUYV, {{320, 180, {30, 15}}}}};
  s.real_time = true;
  s.interval_us = 33333;
  const std::string answer = environment("UNBLUR_FAKE_V4L2_ANSWER", "");
  if (std::sscanf(answer.c_str(), "%dx%d", &s.answer_width, &s.answer_height) != 2) s.answer_width = 0;
  return s;
}

/// One open descriptor, with the thread that is its clock.
class OpenCamera {
 public:
  OpenCamera() : event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC | EFD_SEMAPHORE)) {
    FakeCameraScript s = script();
    s.picture = [this](int n) { return picture(n, log_); };
    command_ = s.command;
    camera_ = make_fake_camera(std::move(s), &log_);
    clock_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  [[nodiscard]] int descriptor() const { return event_; }
  int control(unsigned long request, void* argument) {
    const int error = camera_->control(request, argument);
    std::uint64_t one = 0;
    if (request == VIDIOC_DQBUF && error == 0 && ::read(event_, &one, sizeof one) < 0) return EIO;
    return error;
  }
  void* map(std::size_t bytes, off_t offset) { return camera_->map(bytes, offset); }

 private:
  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::this_thread::sleep_for(std::chrono::microseconds(33333));
      *command_ = present_command();
      // What fails wakes the reader as well: dequeuing tells it why.
      const bool fails = *command_ == FakeCommand::kGone || *command_ == FakeCommand::kError;
      const std::uint64_t one = 1;
      if ((camera_->produce() || fails) && ::write(event_, &one, sizeof one) < 0) return;
    }
  }

  int event_;
  FakeCameraLog log_;
  std::shared_ptr<std::atomic<FakeCommand>> command_;
  std::unique_ptr<FakeCamera> camera_;
  std::jthread clock_;  ///< last: it ends before what it uses
};

std::mutex& table_mutex() {
  static std::mutex mutex;
  return mutex;
}
std::map<int, std::shared_ptr<OpenCamera>>& table() {
  static std::map<int, std::shared_ptr<OpenCamera>> cameras;
  return cameras;
}
std::shared_ptr<OpenCamera> camera_at(int descriptor) {
  const std::lock_guard lock(table_mutex());
  const auto found = table().find(descriptor);
  return found == table().end() ? nullptr : found->second;
}

bool is_ours(const char* path) {
  constexpr std::string_view kPrefix = "/dev/video";
  if (std::strncmp(path, kPrefix.data(), kPrefix.size()) != 0) return false;
  return environment("UNBLUR_FAKE_V4L2_DEVICE", "/dev/video9") == path;
}

int open_ours() {
  if (present_command() == FakeCommand::kGone) {
    errno = ENOENT;
    return -1;
  }
  auto camera = std::make_shared<OpenCamera>();
  const std::lock_guard lock(table_mutex());
  const int descriptor = camera->descriptor();
  table()[descriptor] = std::move(camera);
  return descriptor;
}

}  // namespace
}  // namespace unblur::test

extern "C" {

int open(const char* path, int flags, ...) {
  if (unblur::test::is_ours(path)) return unblur::test::open_ours();
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  static const auto next = unblur::test::real<int(const char*, int, ...)>("open");
  return next(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  if (unblur::test::is_ours(path)) return unblur::test::open_ours();
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  static const auto next = unblur::test::real<int(const char*, int, ...)>("open64");
  return next(path, flags, mode);
}

int ioctl(int file, unsigned long request, ...) noexcept {
  va_list rest;
  va_start(rest, request);
  void* argument = va_arg(rest, void*);
  va_end(rest);
  if (const auto camera = unblur::test::camera_at(file)) {
    const int error = camera->control(request, argument);
    if (error == 0) return 0;
    errno = error;
    return -1;
  }
  static const auto next = unblur::test::real<int(int, unsigned long, ...)>("ioctl");
  return next(file, request, argument);
}

void* mmap(void* at, size_t bytes, int protection, int flags, int file, off_t offset) noexcept {
  if (file >= 0) {
    if (const auto camera = unblur::test::camera_at(file)) {
      void* data = camera->map(bytes, offset);
      return data == nullptr ? MAP_FAILED : data;
    }
  }
  static const auto next = unblur::test::real<void*(void*, size_t, int, int, int, off_t)>("mmap");
  return next(at, bytes, protection, flags, file, offset);
}

void* mmap64(void* at, size_t bytes, int protection, int flags, int file, off_t offset) noexcept {
  return mmap(at, bytes, protection, flags, file, offset);
}

int close(int file) {
  std::shared_ptr<unblur::test::OpenCamera> camera;  // its thread ends after the lock
  {
    const std::lock_guard lock(unblur::test::table_mutex());
    if (const auto found = unblur::test::table().find(file); found != unblur::test::table().end()) {
      camera = std::move(found->second);
      unblur::test::table().erase(found);
    }
  }
  camera.reset();
  static const auto next = unblur::test::real<int(int)>("close");
  return next(file);
}

}  // extern "C"
