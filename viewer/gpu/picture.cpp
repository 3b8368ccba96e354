// SPDX-License-Identifier: MIT
#include "gpu/picture.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "vulkan/colour_kernels.h"
#include "vulkan/kernels/common.h"

namespace unblur {
namespace {

constexpr int kGroup = 64;
constexpr std::size_t kMostSpare = 8;  // buffers kept although nobody holds them

vk::Binding whole_of(const vk::Buffer& buffer) { return {&buffer, 0, 0, buffer.size(), 4}; }

/// Specialization constants up to the first own one: storages and the workgroup.
std::vector<std::uint32_t> small_kernel(bool half) {
  std::vector<std::uint32_t> constants(vk::shader::kSpecOwn, 0);
  constants[0] = static_cast<std::uint32_t>(half ? vk::shader::kStorageF16 : vk::shader::kStorageF32);
  constants[vk::shader::kSpecGroupX] = kGroup;
  constants[vk::shader::kSpecGroupY] = 1;
  return constants;
}

std::uint32_t groups_for(int items) { return static_cast<std::uint32_t>((items + kGroup - 1) / kGroup); }

}  // namespace

vk::Buffer Pictures::take_buffer(std::uint64_t bytes) {
  const std::scoped_lock lock(spare_->mutex);
  if (const auto found = spare_->buffers.find(bytes); found != spare_->buffers.end()) {
    vk::Buffer buffer = std::move(found->second);
    spare_->buffers.erase(found);
    return buffer;
  }
  // Of another size than is in use now: not needed again.
  for (const auto& [size, buffer] : spare_->buffers) spare_->all_bytes -= size;
  spare_->buffers.clear();
  spare_->all_bytes += bytes;
  return {gpu_.device(), bytes, vk::MemoryUse::kDevice, "picture"};
}

std::uint64_t Pictures::bytes() const {
  const std::scoped_lock lock(spare_->mutex);
  return spare_->all_bytes;
}

/// The deleter of what was taken from the store: its buffer goes back there.
template <typename T>
static std::shared_ptr<T> returning(std::unique_ptr<T> thing, const auto& spare) {
  return std::shared_ptr<T>(thing.release(), [spare](T* done) {
    const std::unique_ptr<T> owner(done);
    const std::scoped_lock lock(spare->mutex);
    const std::uint64_t bytes = owner->words.size();
    if (spare->buffers.size() >= kMostSpare) {
      spare->all_bytes -= bytes;
    } else {
      spare->buffers.emplace(bytes, std::move(owner->words));
    }
  });
}

std::shared_ptr<Picture> Pictures::new_picture(int width, int height) {
  const auto pixels = static_cast<std::uint64_t>(width) * static_cast<std::uint64_t>(height);
  auto picture = std::make_unique<Picture>();
  picture->words = take_buffer(std::max<std::uint64_t>((pixels + 1) / 2 * 8, 16));
  picture->width = width;
  picture->height = height;
  return returning(std::move(picture), spare_);
}

PicturePtr Pictures::from_device(const vk::Binding& raw, const FrameFormat& format) {
  auto picture = new_picture(format.width, format.height);
  const vk::ColourWork work = vk::picture_of(format);
  const std::array bindings{raw, whole_of(picture->words)};
  gpu_.run("picture", 1, [&](vk::Recorder& recorder, VkCommandBuffer commands) {
    recorder.dispatch(commands, gpu_.pipelines()->get({&work.key, 1}).front(), bindings, work.dispatch);
  });
  return picture;
}

PicturePtr Pictures::from_frame(const Frame& frame) {
  const vk::RawLayout layout(frame.format);
  if (upload_.size() < layout.bytes())
    upload_ = vk::Buffer(gpu_.device(), layout.bytes(), vk::MemoryUse::kUpload, "frame");
  layout.pack(frame, upload_.mapped());
  upload_.flush();
  return from_device({&upload_, 0, 0, layout.bytes(), 4}, frame.format);
}

MotionPtr Pictures::motion(const vk::DeviceOutput& output, const ModelInfo& info, float scale) {
  const bool flow = output.name != "control";
  auto made = std::make_unique<PathField>();
  made->width = output.shape.w;
  made->height = output.shape.h;
  made->exposure = !flow;
  int kind = 2;
  if (!flow && info.trajectory) {
    kind = info.trajectory->mode == "lin" ? 1 : 0;
    made->quadratic = info.trajectory->mode == "quad";
    made->directed = info.trajectory->directed;
  }
  const auto cells = static_cast<std::uint64_t>(made->width) * static_cast<std::uint64_t>(made->height);
  made->words = take_buffer(std::max<std::uint64_t>(cells * 8, 16));
  const std::shared_ptr<PathField> field = returning(std::move(made), spare_);

  const vk::PipelineKey key{"motion", small_kernel(output.view.storage != vk::Storage::kF32), 0};
  vk::Dispatch work;
  const std::array words{
      field->width, field->height, output.view.w, output.view.pixel_stride, output.view.channel_offset, kind};
  std::ranges::copy(words, work.words.begin());
  work.words[6] = vk::float_word(scale);
  work.groups = {groups_for(field->width), static_cast<std::uint32_t>(field->height), 1};
  const std::array bindings{output.where, whole_of(field->words)};
  gpu_.run("motion", 1, [&](vk::Recorder& recorder, VkCommandBuffer commands) {
    recorder.dispatch(commands, gpu_.pipelines()->get({&key, 1}).front(), bindings, work);
  });

  std::vector<float> lengths = path_lengths(*field);
  std::erase_if(lengths, [](float v) { return !std::isfinite(v); });
  std::ranges::sort(lengths);
  if (!lengths.empty()) {
    field->median_px = lengths[lengths.size() / 2];
    field->high_px = lengths[lengths.size() * 95 / 100];
  }
  return field;
}

std::vector<float> Pictures::path_lengths(const PathField& field) {
  constexpr int kCount = kLengthColumns * kLengthRows;
  if (lengths_.size() < kCount * sizeof(float)) {
    lengths_ = vk::Buffer(gpu_.device(), kCount * sizeof(float), vk::MemoryUse::kReadback, "lengths");
  }
  const vk::PipelineKey key{"motion_lengths", small_kernel(false), 0};
  vk::Dispatch work;
  const std::array words{field.width, field.height, kLengthColumns, kLengthRows, field.quadratic ? 0 : 1};
  std::ranges::copy(words, work.words.begin());
  work.groups = {groups_for(kCount), 1, 1};
  const std::array bindings{whole_of(field.words), whole_of(lengths_)};
  gpu_.run("lengths", 1, [&](vk::Recorder& recorder, VkCommandBuffer commands) {
    recorder.dispatch(commands, gpu_.pipelines()->get({&key, 1}).front(), bindings, work);
    recorder.barrier_to_host(commands);
  });
  lengths_.invalidate();
  gpu_.count_details_read(kCount * sizeof(float));
  std::vector<float> lengths(kCount);
  std::memcpy(lengths.data(), lengths_.mapped().data(), kCount * sizeof(float));
  return lengths;
}

Frame Pictures::read(Gpu& gpu, const Picture& picture) {
  const auto pixels = static_cast<std::size_t>(picture.width) * static_cast<std::size_t>(picture.height);
  const vk::Buffer host(gpu.device(), pixels * 4, vk::MemoryUse::kReadback, "saved picture");
  gpu.run("save", 0, [&](vk::Recorder& recorder, VkCommandBuffer commands) {
    const VkBufferCopy region{0, 0, pixels * 4};
    vkCmdCopyBuffer(commands, picture.words.get(), host.get(), 1, &region);
    recorder.barrier_to_host(commands);
  });
  host.invalidate();
  gpu.count_pixels_read(pixels * 4);
  Frame frame(FrameFormat{.layout = PixelLayout::kRgb, .width = picture.width, .height = picture.height});
  for (std::size_t i = 0; i < pixels; ++i) {
    std::uint32_t word = 0;
    std::memcpy(&word, host.mapped().data() + 4 * i, 4);
    for (std::size_t c = 0; c < 3; ++c) {
      const std::uint32_t code = word >> (10 * c) & 1023U;
      frame.data[3 * i + c] = static_cast<std::byte>((code * 255 + 511) / 1023);
    }
  }
  return frame;
}

}  // namespace unblur
