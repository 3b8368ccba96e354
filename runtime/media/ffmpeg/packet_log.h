// SPDX-License-Identifier: MIT
// Encoded packets in one append-only file while a run is under way, and the manifest that says how far it
// may be trusted. After kill -9 everything up to the manifest's mark is whole; the rest is dropped.
//
//   <name>.part.packets   packets, native byte order: private to one machine and one run
//   <name>.part.json      manifest: frames and bytes of closed segments, settings of the run
//   <name>.part.states-N  recurrent states after frame N (safetensors)
#pragma once

#include <cstdio>
#include <filesystem>
#include <map>

#include "media/ffmpeg/handles.h"

namespace unblur::ff {

struct Manifest {
  std::int64_t frames = 0;  ///< in closed segments
  std::uint64_t bytes = 0;  ///< of the packet file that belong to them
  std::string states;       ///< file name of the states, empty if none
  std::map<std::string, std::string> settings;
};

class PacketLog {
 public:
  /// Starts anew, or goes on where the manifest says if `resume` and there is one.
  /// Throws UsageError if its settings differ from `settings`.
  PacketLog(const std::filesystem::path& output, const std::map<std::string, std::string>& settings,
            bool resume);
  ~PacketLog();
  PacketLog(const PacketLog&) = delete;
  PacketLog& operator=(const PacketLog&) = delete;

  void append(const AVPacket& packet);
  /// Everything appended so far is whole: `frames` frames. Survives a kill -9 and a power cut from here on.
  void close_segment(std::int64_t frames, const TensorMap& states);
  [[nodiscard]] const Manifest& manifest() const { return manifest_; }
  [[nodiscard]] TensorMap load_states() const;

  void rewind();                ///< before the first `next`
  bool next(AVPacket& packet);  ///< packets in the order they were appended; false at the end
  void remove_files();          ///< the output is complete

 private:
  void write_manifest() const;
  [[nodiscard]] std::filesystem::path beside(const std::string& ending) const;
  std::filesystem::path output_;
  std::FILE* file_ = nullptr;
  Manifest manifest_;
};

}  // namespace unblur::ff
