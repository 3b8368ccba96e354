// SPDX-License-Identifier: MIT
#include "media/image_file.h"

#include <fmt/format.h>
#include <png.h>
#include <turbojpeg.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>

#include "graph/error.h"
#include "graph/file.h"

namespace unblur {
namespace {

void check_size(std::int64_t width, std::int64_t height, const std::string& name) {
  if (width < 1 || height < 1 || width > kMaxImageSide || height > kMaxImageSide ||
      width * height > kMaxImagePixels) {
    throw InputError(fmt::format("{}: {}x{} pixels is outside what is read (up to {} a side)", name, width,
                                 height, kMaxImageSide));
  }
}

FrameFormat picture_format(bool grey, int bits, int width, int height) {
  FrameFormat format;
  format.layout = grey ? PixelLayout::kGrey : PixelLayout::kRgb;
  format.bit_depth = bits;
  format.width = width;
  format.height = height;
  return format;
}

struct ByteSource {
  std::span<const std::byte> bytes;
  std::size_t at = 0;
};

// libpng reports errors by calling back; exceptions pass through its C frames on every platform that
// Debian builds with unwind tables, but setjmp is the documented way, so messages are kept and longjmp used.
struct PngReader {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::string message;

  PngReader() {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, [](png_structp, png_const_charp) {});
    if (png != nullptr) info = png_create_info_struct(png);
  }
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  static void on_error(png_structp png, png_const_charp text) {
    static_cast<PngReader*>(png_get_error_ptr(png))->message = text;
    png_longjmp(png, 1);
  }
  static void on_read(png_structp png, png_bytep out, png_size_t count) {
    auto* source = static_cast<ByteSource*>(png_get_io_ptr(png));
    if (count > source->bytes.size() - source->at) png_error(png, "file ends early");
    std::memcpy(out, source->bytes.data() + source->at, count);
    source->at += count;
  }
};

struct PngHeader {
  int width = 0, height = 0, channels = 0, bits = 0;
  std::size_t row_bytes = 0;
};

// The two steps that can longjmp hold no object with a destructor.
bool read_png_header(PngReader& reader, PngHeader& header) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  png_read_info(reader.png, reader.info);
  const png_uint_32 width = png_get_image_width(reader.png, reader.info);
  const png_uint_32 height = png_get_image_height(reader.png, reader.info);
  header.width = static_cast<int>(std::min<png_uint_32>(width, 0x7fffffff));
  header.height = static_cast<int>(std::min<png_uint_32>(height, 0x7fffffff));
  png_set_expand(reader.png);  // palette, 1/2/4 bits, tRNS
  if (png_get_bit_depth(reader.png, reader.info) == 16) png_set_swap(reader.png);  // to little endian
  png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  header.channels = png_get_channels(reader.png, reader.info);
  header.bits = png_get_bit_depth(reader.png, reader.info);
  header.row_bytes = png_get_rowbytes(reader.png, reader.info);
  return true;
}

bool read_png_rows(PngReader& reader, png_bytepp rows) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  png_read_image(reader.png, rows);
  png_read_end(reader.png, nullptr);
  return true;
}

// Splits the alpha channel off rows of `Sample`s.
template <typename Sample>
void take_alpha(const std::vector<std::byte>& raw, int channels, Image& image) {
  const int colours = channels - 1;
  const auto pixels = static_cast<std::size_t>(image.frame.format.width) *
                      static_cast<std::size_t>(image.frame.format.height);
  const auto* in = reinterpret_cast<const Sample*>(raw.data());
  auto* out = reinterpret_cast<Sample*>(image.frame.data.data());
  image.alpha.resize(pixels);
  for (std::size_t i = 0; i < pixels; ++i) {
    for (int c = 0; c < colours; ++c) *out++ = *in++;
    image.alpha[i] = static_cast<std::uint8_t>(*in++ >> (8 * (sizeof(Sample) - 1)));
  }
}

Image decode_png(std::span<const std::byte> bytes, const std::string& name) {
  PngReader reader;
  if (reader.png == nullptr || reader.info == nullptr) throw InputError(name + ": libpng could not start");
  ByteSource source{bytes};
  png_set_read_fn(reader.png, &source, PngReader::on_read);
  PngHeader header;
  if (!read_png_header(reader, header))
    throw InputError(fmt::format("{}: bad PNG: {}", name, reader.message));
  check_size(header.width, header.height, name);

  Image image;
  const bool grey = header.channels <= 2;
  image.frame = Frame(picture_format(grey, header.bits, header.width, header.height));
  const bool has_alpha = header.channels == 2 || header.channels == 4;
  std::vector<std::byte> raw;
  if (has_alpha) raw.resize(header.row_bytes * static_cast<std::size_t>(header.height));
  std::byte* base = has_alpha ? raw.data() : image.frame.data.data();
  std::vector<png_bytep> rows(static_cast<std::size_t>(header.height));
  for (std::size_t y = 0; y < rows.size(); ++y)
    rows[y] = reinterpret_cast<png_bytep>(base + y * header.row_bytes);
  if (!read_png_rows(reader, rows.data()))
    throw InputError(fmt::format("{}: bad PNG: {}", name, reader.message));
  if (has_alpha && header.bits == 16) take_alpha<std::uint16_t>(raw, header.channels, image);
  if (has_alpha && header.bits == 8) take_alpha<std::uint8_t>(raw, header.channels, image);
  return image;
}

Image decode_jpeg(std::span<const std::byte> bytes, const std::string& name) {
  const std::unique_ptr<void, int (*)(tjhandle)> handle(tjInitDecompress(), tjDestroy);
  if (!handle) throw InputError(name + ": libturbojpeg could not start");
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  int width = 0, height = 0, subsampling = 0, space = 0;
  if (tjDecompressHeader3(handle.get(), data, bytes.size(), &width, &height, &subsampling, &space) != 0) {
    throw InputError(fmt::format("{}: bad JPEG: {}", name, tjGetErrorStr2(handle.get())));
  }
  check_size(width, height, name);
  const bool grey = subsampling == TJSAMP_GRAY;
  Image image{Frame(picture_format(grey, 8, width, height)), {}};
  // TJFLAG_STOPONWARNING: a truncated file is a warning to the library and an error to us.
  if (tjDecompress2(handle.get(), data, bytes.size(),
                    reinterpret_cast<unsigned char*>(image.frame.data.data()), width, 0, height,
                    grey ? TJPF_GRAY : TJPF_RGB, TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING) != 0) {
    throw InputError(fmt::format("{}: bad JPEG: {}", name, tjGetErrorStr2(handle.get())));
  }
  return image;
}

struct PngWriter {
  png_structp png = nullptr;
  png_infop info = nullptr;
  PngWriter() {
    png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
    if (png != nullptr) info = png_create_info_struct(png);
  }
  ~PngWriter() { png_destroy_write_struct(&png, &info); }
  PngWriter(const PngWriter&) = delete;
  PngWriter& operator=(const PngWriter&) = delete;
};

bool write_png_rows(PngWriter& writer, std::vector<std::byte>& out, const FrameFormat& format,
                    int compression, png_bytepp rows) {
  if (setjmp(png_jmpbuf(writer.png)) != 0) return false;
  const auto append = [](png_structp png, png_bytep data, png_size_t size) {
    const auto bytes = std::as_bytes(std::span(data, size));
    auto& to = *static_cast<std::vector<std::byte>*>(png_get_io_ptr(png));
    to.insert(to.end(), bytes.begin(), bytes.end());
  };
  png_set_write_fn(writer.png, &out, append, nullptr);
  png_set_compression_level(writer.png, compression);
  png_set_IHDR(writer.png, writer.info, static_cast<png_uint_32>(format.width),
               static_cast<png_uint_32>(format.height), format.bytes_per_sample() * 8,
               format.layout == PixelLayout::kGrey ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB,
               PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(writer.png, writer.info);
  if (format.bytes_per_sample() == 2) png_set_swap(writer.png);
  png_write_image(writer.png, rows);
  png_write_end(writer.png, nullptr);
  return true;
}

// 9 to 15 bit samples widened to 16 by repeating their high bits; 8 and 16 pass as they are.
Frame widened(const Frame& frame) {
  const int depth = frame.format.bit_depth;
  Frame out = frame;
  if (depth == 8 || depth == 16) return out;
  out.format.bit_depth = 16;
  auto* samples = reinterpret_cast<std::uint16_t*>(out.data.data());
  const unsigned top = (1U << depth) - 1U;
  for (std::size_t i = 0; i < out.data.size() / 2; ++i) {
    samples[i] = static_cast<std::uint16_t>((samples[i] * 65535U + top / 2) / top);
  }
  return out;
}

}  // namespace

bool is_image_name(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

Image decode_image(std::span<const std::byte> bytes, const std::string& name) {
  constexpr unsigned char kPng[] = {0x89, 'P', 'N', 'G'};
  constexpr unsigned char kJpeg[] = {0xff, 0xd8, 0xff};
  if (bytes.size() >= 8 && std::memcmp(bytes.data(), kPng, sizeof kPng) == 0) return decode_png(bytes, name);
  if (bytes.size() >= 4 && std::memcmp(bytes.data(), kJpeg, sizeof kJpeg) == 0)
    return decode_jpeg(bytes, name);
  throw InputError(bytes.empty() ? name + ": the file is empty"
                                 : name + ": neither PNG nor JPEG; convert the picture to one of them");
}

Image read_image(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    throw InputError(path.string() + ": a folder, where a picture was expected");
  }
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) throw InputError(path.string() + ": cannot be opened: " + std::strerror(errno));
  std::vector<std::byte> bytes(static_cast<std::size_t>(std::max<std::streamoff>(file.tellg(), 0)));
  file.seekg(0);
  if (!file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()))) {
    throw InputError(path.string() + ": cannot be read");
  }
  return decode_image(bytes, path.string());
}

std::vector<std::byte> encode_png(const Frame& frame, int compression) {
  if (frame.format.plane_count() != 1) throw ProcessingError("PNG takes RGB or grey frames");
  Frame wide = widened(frame);
  std::vector<png_bytep> rows(static_cast<std::size_t>(wide.format.height));
  for (std::size_t y = 0; y < rows.size(); ++y) {
    rows[y] = reinterpret_cast<png_bytep>(wide.data.data() + y * wide.format.row_bytes(0));
  }
  std::vector<std::byte> out;
  PngWriter writer;
  if (writer.png == nullptr || writer.info == nullptr ||
      !write_png_rows(writer, out, wide.format, compression, rows.data())) {
    throw ProcessingError("libpng refuses the picture");
  }
  return out;
}

void write_png(const std::filesystem::path& path, const Frame& frame, int compression) {
  const std::vector<std::byte> bytes = encode_png(frame, compression);
  const std::span<const std::byte> whole = bytes;
  write_file(path, {&whole, 1});
}

}  // namespace unblur
