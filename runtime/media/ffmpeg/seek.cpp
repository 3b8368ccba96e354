// SPDX-License-Identifier: MIT
// Going to a frame by its number. A frame is found by the time stamp that it has in a list of all packets,
// and decoded from a key frame that is shown no later: what a key frame lets a decoder show from there on are
// the bits of decoding from the start.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "graph/error.h"
#include "media/ffmpeg/reader.h"

namespace unblur::ff {

/// Fills `times_` and `keys_` by reading the packets of the file, which decodes nothing. Leaves them empty
/// unless every packet has a time of its own.
void VideoReader::index_packets() {
  indexed_ = true;
  const InputContext input = open_input(path_);
  if (input->nb_streams != input_->nb_streams) return;
  for (unsigned i = 0; i < input->nb_streams; ++i) {
    if (i != stream_) input->streams[i]->discard = AVDISCARD_ALL;
  }
  const PacketPtr packet = make_packet();
  std::vector<std::int64_t> times;
  for (; av_read_frame(input.get(), packet.get()) >= 0; av_packet_unref(packet.get())) {
    constexpr int kNotShown = AV_PKT_FLAG_DISCARD | AV_PKT_FLAG_CORRUPT;
    if (packet->stream_index != static_cast<int>(stream_) || (packet->flags & kNotShown) != 0) continue;
    if (packet->pts == AV_NOPTS_VALUE) return keys_.clear();
    times.push_back(packet->pts);
    const std::int64_t dts = packet->dts == AV_NOPTS_VALUE ? packet->pts : packet->dts;
    if ((packet->flags & AV_PKT_FLAG_KEY) != 0) keys_.push_back({packet->pts, dts});
  }
  std::ranges::sort(times);
  // What comes before the first picture that can be decoded is never shown.
  const auto first = std::ranges::find(times, first_->best_effort_timestamp);
  if (first == times.end() || std::ranges::adjacent_find(times) != times.end()) return keys_.clear();
  times_.assign(first, times.end());
  std::ranges::sort(keys_, {}, &Key::pts);
  info_.frames = static_cast<std::int64_t>(times_.size());
}

/// Decodes from a key frame to the picture shown at `pts`; false if it does not come up, or not whole.
bool VideoReader::land(std::int64_t index, std::int64_t pts, const Key& key) {
  if (av_seek_frame(input_.get(), static_cast<int>(stream_), key.dts, AVSEEK_FLAG_BACKWARD) < 0) return false;
  avcodec_flush_buffers(decoder_.get());
  drained_ = false;
  cut_.clear();
  while (decode(*picture_)) {
    const std::int64_t now = picture_->best_effort_timestamp;
    if (now == AV_NOPTS_VALUE || now > pts) return false;
    if (now < pts) continue;
    if ((picture_->flags & AV_FRAME_FLAG_CORRUPT) != 0 || picture_->decode_error_flags != 0) return false;
    first_pending_ = false;
    picture_pending_ = true;
    next_ = index;
    last_pts_ = index > 0 ? times_[static_cast<std::size_t>(index) - 1] : AV_NOPTS_VALUE;
    return true;
  }
  return false;
}

/// Begins at the first frame again.
void VideoReader::restart() {
  input_ = open_input(path_);
  open_decoder(path_);
  drained_ = picture_pending_ = false;
  cut_.clear();
  next_ = 0;
  last_pts_ = AV_NOPTS_VALUE;
  if (!decode(*first_)) throw InputError(fmt::format("{}: it can no longer be decoded", path_));
  first_pending_ = true;
}

/// Decodes and forgets frames up to `index`.
void VideoReader::pass(std::int64_t index) {
  TimedFrame forgotten;
  while (next_ < index) {
    if (std::exchange(first_pending_, false)) {
      stamp(*first_, forgotten);
    } else if (std::exchange(picture_pending_, false) || decode(*picture_)) {
      stamp(*picture_, forgotten);
    } else {
      return;  // the end
    }
  }
}

void VideoReader::seek(std::int64_t index) {
  if (index < 0) throw UsageError(fmt::format("{}: there is no frame {}", path_, index));
  if (index == next_) return;
  const Key start{first_->best_effort_timestamp, first_->pkt_dts};
  const bool timed = start.pts != AV_NOPTS_VALUE && start.dts != AV_NOPTS_VALUE;
  if (index == 0 && timed && land(0, start.pts, start)) return;
  if (index > 0 && !indexed_) index_packets();
  const auto count = static_cast<std::int64_t>(times_.size());
  bool lost = index < next_;
  if (index > 0 && count > 0) {
    const std::int64_t pts = times_[static_cast<std::size_t>(std::min(index, count - 1))];
    auto key = std::ranges::upper_bound(keys_, pts, {}, &Key::pts);
    const bool near = index > next_ && key != keys_.begin() && std::prev(key)->pts <= last_pts_;
    // A key frame that the demuxer passes by, or that does not decode by itself, is no reason to give up.
    for (int attempt = 0; !near && attempt < 3 && key != keys_.begin(); ++attempt) {
      if (land(std::min(index, count - 1), pts, *--key)) return pass(index);
      lost = true;
    }
  }
  if (lost) restart();
  pass(index);
}

}  // namespace unblur::ff
