// SPDX-License-Identifier: MIT
#include "core/inputs.h"

#include <fmt/format.h>

#include "core/test_pattern.h"
#include "graph/error.h"
#include "program/endpoints.h"

namespace unblur {
namespace {

/// Goes to a frame by opening the file again.
class Reopened : public SeekableSource {
 public:
  Reopened(std::string name, std::unique_ptr<FrameSource> source)
      : name_(std::move(name)), source_(std::move(source)) {}
  [[nodiscard]] const StreamInfo& info() const override { return source_->info(); }
  [[nodiscard]] std::optional<std::string> damage() const override { return source_->damage(); }
  bool read(TimedFrame& out) override {
    if (!source_->read(out)) return false;
    ++next_;
    return true;
  }
  void seek(std::int64_t index) override {
    if (index < 0) throw UsageError(fmt::format("{}: there is no frame {}", name_, index));
    if (index < next_) {
      source_ = open_source(name_);
      next_ = 0;
    }
    TimedFrame forgotten;
    while (next_ < index && read(forgotten)) {
    }
  }

 private:
  std::string name_;
  std::unique_ptr<FrameSource> source_;
  std::int64_t next_ = 0;
};

}  // namespace

bool is_pattern_name(const std::string& name) { return name == "pattern" || name.starts_with("pattern:"); }

Input open_input(const std::string& name) {
  Input input;
  if (is_pattern_name(name)) {
    input.source = std::make_unique<TestPattern>(test_pattern_options(name));
  } else {
    input.source = open_source(name);
  }
  input.seek = dynamic_cast<SeekableSource*>(input.source.get());
  if (input.seek != nullptr || name == "-") return input;
  auto again = std::make_unique<Reopened>(name, std::move(input.source));
  input.seek = again.get();
  input.source = std::move(again);
  return input;
}

const TimedFrame* FileFrames::at(std::int64_t index) {
  if (index < 0 || input_.seek == nullptr) return nullptr;
  if (index == have_) return &frame_;
  input_.seek->seek(index);
  have_ = -1;
  if (!input_.source->read(frame_)) return nullptr;
  have_ = index;
  return &frame_;
}

}  // namespace unblur
