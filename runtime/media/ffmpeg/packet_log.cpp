// SPDX-License-Identifier: MIT
#include "media/ffmpeg/packet_log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "graph/error.h"
#include "graph/model.h"

namespace unblur::ff {
namespace {

namespace fs = std::filesystem;

struct PacketHeader {
  std::int64_t pts, dts, duration;
  std::int32_t flags, size, side_count;
};
struct SideHeader {
  std::int32_t type;
  std::int32_t size;
};

constexpr int kMaxSide = 64;

Manifest read_manifest(const fs::path& path) {
  std::ifstream in(path);
  try {
    const auto j = nlohmann::json::parse(in);
    Manifest m;
    m.frames = j.at("frames");
    m.bytes = j.at("bytes");
    m.states = j.at("states");
    m.settings = j.at("settings");
    return m;
  } catch (const nlohmann::json::exception&) {
    throw UsageError(fmt::format("{} is damaged; -y instead starts over", path.string()));
  }
}

}  // namespace

fs::path PacketLog::beside(const std::string& ending) const {
  fs::path p = output_;
  return p += ".part" + ending;
}

PacketLog::PacketLog(const fs::path& output, const std::map<std::string, std::string>& settings, bool resume)
    : output_(output) {
  manifest_.settings = settings;
  const fs::path packets = beside(".packets");
  const bool go_on = resume && fs::exists(beside(".json")) && fs::exists(packets);
  if (go_on) {
    manifest_ = read_manifest(beside(".json"));
    for (const auto& [key, value] : settings) {
      const auto found = manifest_.settings.find(key);
      if (found == manifest_.settings.end() || found->second != value) {
        throw UsageError(
            fmt::format("--resume: the interrupted run had {} '{}', this one has '{}'; use the same, or "
                        "-y starts over",
                        key, found == manifest_.settings.end() ? "" : found->second, value));
      }
    }
    if (fs::file_size(packets) < manifest_.bytes) {
      throw UsageError(fmt::format("{} is shorter than its manifest says; -y starts over", packets.string()));
    }
    fs::resize_file(packets, manifest_.bytes);
  } else {
    remove_files();
  }
  file_ = std::fopen(packets.c_str(), "ab+");
  if (file_ == nullptr) throw ProcessingError(fmt::format("{}: {}", packets.string(), std::strerror(errno)));
  if (!go_on) write_manifest();
}

PacketLog::~PacketLog() {
  if (file_ != nullptr) std::fclose(file_);
}

void PacketLog::append(const AVPacket& packet) {
  bool good = true;
  const auto put = [&](const void* data, std::size_t bytes) {
    good = good && std::fwrite(data, 1, bytes, file_) == bytes;
  };
  const PacketHeader header{packet.pts,   packet.dts,  packet.duration,
                            packet.flags, packet.size, packet.side_data_elems};
  put(&header, sizeof header);
  put(packet.data, static_cast<std::size_t>(packet.size));
  for (int i = 0; i < packet.side_data_elems; ++i) {
    const AVPacketSideData& side = packet.side_data[i];
    const SideHeader side_header{side.type, static_cast<std::int32_t>(side.size)};
    put(&side_header, sizeof side_header);
    put(side.data, side.size);
  }
  if (!good) throw ProcessingError(fmt::format("{}: {}", beside(".packets").string(), std::strerror(errno)));
}

void PacketLog::close_segment(std::int64_t frames, const TensorMap& states) {
  if (std::fflush(file_) != 0 || ::fsync(::fileno(file_)) != 0) {
    throw ProcessingError(fmt::format("{}: {}", beside(".packets").string(), std::strerror(errno)));
  }
  const std::string old_states = manifest_.states;
  manifest_.frames = frames;
  manifest_.bytes = fs::file_size(beside(".packets"));
  manifest_.states.clear();
  if (!states.empty()) {
    const fs::path path = beside(fmt::format(".states-{}", frames));
    write_safetensors(path, {states, {}});
    manifest_.states = path.filename().string();
  }
  write_manifest();
  if (!old_states.empty()) fs::remove(output_.parent_path() / old_states);
}

void PacketLog::write_manifest() const {
  const nlohmann::json j{{"schema", 1},
                         {"tool", "unblur"},
                         {"output", output_.filename().string()},
                         {"frames", manifest_.frames},
                         {"bytes", manifest_.bytes},
                         {"states", manifest_.states},
                         {"settings", manifest_.settings}};
  const fs::path fresh = beside(".json.new");
  std::ofstream out(fresh);
  out << j.dump(2) << '\n';
  out.close();
  if (!out) throw ProcessingError(fmt::format("{}: {}", fresh.string(), std::strerror(errno)));
  fs::rename(fresh, beside(".json"));
}

TensorMap PacketLog::load_states() const {
  if (manifest_.states.empty()) return {};
  return read_safetensors(output_.parent_path() / manifest_.states).tensors;
}

void PacketLog::rewind() {
  if (std::fflush(file_) != 0 || std::fseek(file_, 0, SEEK_SET) != 0) {
    throw ProcessingError(fmt::format("{}: {}", beside(".packets").string(), std::strerror(errno)));
  }
}

bool PacketLog::next(AVPacket& packet) {
  const auto get = [&](void* data, std::size_t bytes) {
    if (std::fread(data, 1, bytes, file_) == bytes) return;
    throw ProcessingError(fmt::format("{}: ends inside a packet", beside(".packets").string()));
  };
  av_packet_unref(&packet);
  PacketHeader header;
  if (std::fread(&header, sizeof header, 1, file_) != 1) return false;
  if (header.size < 0 || header.side_count < 0 || header.side_count > kMaxSide ||
      av_new_packet(&packet, header.size) < 0) {
    throw ProcessingError(fmt::format("{}: damaged", beside(".packets").string()));
  }
  packet.pts = header.pts;
  packet.dts = header.dts;
  packet.duration = header.duration;
  packet.flags = header.flags;
  get(packet.data, static_cast<std::size_t>(header.size));
  for (int i = 0; i < header.side_count; ++i) {
    SideHeader side;
    get(&side, sizeof side);
    std::uint8_t* data = side.size < 0
                             ? nullptr
                             : av_packet_new_side_data(&packet, static_cast<AVPacketSideDataType>(side.type),
                                                       static_cast<std::size_t>(side.size));
    if (data == nullptr) throw ProcessingError(fmt::format("{}: damaged", beside(".packets").string()));
    get(data, static_cast<std::size_t>(side.size));
  }
  return true;
}

void PacketLog::remove_files() {
  if (file_ != nullptr) std::fclose(std::exchange(file_, nullptr));
  std::error_code ignored;
  if (fs::exists(beside(".json"))) {
    const std::string states = [&] {
      try {
        return read_manifest(beside(".json")).states;
      } catch (const UsageError&) {
        return std::string{};
      }
    }();
    // A name from a file is only followed to where we put such files.
    if (states.starts_with(beside("").filename().string() + ".states-") &&
        states.find('/') == std::string::npos) {
      fs::remove(output_.parent_path() / states, ignored);
    }
  }
  fs::remove(beside(".json"), ignored);
  fs::remove(beside(".json.new"), ignored);
  fs::remove(beside(".packets"), ignored);
}

}  // namespace unblur::ff
