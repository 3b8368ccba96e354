// SPDX-License-Identifier: MIT
// Writes a media file from encoded video packets and everything else of the input. Internal to media/ffmpeg.
#pragma once

#include "media/ffmpeg/encoder.h"
#include "media/ffmpeg/packet_log.h"

namespace unblur::ff {

struct MuxJob {
  std::string path;  ///< file to write; its name need not tell the container
  const AVOutputFormat* container = nullptr;
  const AVCodecContext* video = nullptr;
  const StreamInfo* stream = nullptr;
  const VideoReader* reader = nullptr;  ///< null: nothing to copy
  std::int64_t shift = 0;               ///< subtracted from all times, in the video's time base
  bool cut_copied = false;              ///< drop copied packets that start outside the video's times
};

/// Throws ProcessingError.
void mux(const MuxJob& job, PacketLog& packets);

/// The container for a file name. Throws UsageError.
[[nodiscard]] const AVOutputFormat& container_for(const std::string& path);

}  // namespace unblur::ff
