// SPDX-License-Identifier: MIT
#include "graph/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "graph/error.h"

namespace unblur {
namespace {

/// A file that vanishes unless `commit` gave it its name.
class PartFile {
 public:
  explicit PartFile(const std::filesystem::path& path) : path_(path), part_(path) {
    part_ += ".part";
    fd_ = ::open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd_ < 0) fail("create");
  }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;
  ~PartFile() {
    if (fd_ >= 0) ::close(fd_);
    if (!committed_) ::unlink(part_.c_str());
  }

  void write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail("write");
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
  }

  void commit() {
    // Some file systems report a full disk only here. EINVAL: the target cannot be flushed (a pipe).
    if (::fsync(fd_) != 0 && errno != EINVAL) fail("flush");
    const int fd = fd_;
    fd_ = -1;
    if (::close(fd) != 0) fail("close");
    if (::rename(part_.c_str(), path_.c_str()) != 0) fail("rename");
    committed_ = true;
  }

 private:
  [[noreturn]] void fail(const char* action) const {
    throw ProcessingError(fmt::format("{}: cannot {} the file: {}", path_.string(), action,
                                      std::generic_category().message(errno)));
  }

  std::filesystem::path path_, part_;
  int fd_ = -1;
  bool committed_ = false;
};

}  // namespace

void write_file(const std::filesystem::path& path, std::span<const std::span<const std::byte>> parts) {
  PartFile file(path);
  for (const auto part : parts) file.write(part);
  file.commit();
}

}  // namespace unblur
