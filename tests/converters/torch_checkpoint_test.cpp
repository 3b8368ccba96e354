// SPDX-License-Identifier: MIT
// The reader of PyTorch checkpoints: files that PyTorch wrote (make_fixtures.py), and files that nobody
// should write. Refusing means ModelError, which programs turn into exit code 5.
#include "torch_checkpoint.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <numeric>

#include "counted_memory.h"
#include "graph/error.h"
#include "torch_writer.h"

namespace unblur {
namespace {

using namespace test;
using namespace test::pickled;

std::filesystem::path fixture(const std::string& name) {
  return std::filesystem::path(UNBLUR_FIXTURES) / name;
}

std::span<const std::byte> as_bytes(const std::string& s) { return std::as_bytes(std::span(s)); }

std::string floats(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

std::string archive(const std::string& object, const std::string& data = floats({1, 2, 3, 4})) {
  return zip({{"a/data.pkl", whole(object)}, {"a/data/0", data}, {"a/version", "3\n"}});
}

/// A state dictionary of one tensor over storage "0" of four floats.
std::string one(std::int64_t offset, const std::vector<std::int64_t>& dims,
                const std::vector<std::int64_t>& strides, bool as_stream = false) {
  return ordered_dict({{"w", tensor(storage("FloatStorage", "0", 4, as_stream), offset, dims, strides)}});
}

/// Why a file is refused; empty if it is taken. Whatever is refused has taken no memory to speak of before.
std::string refusal(const std::string& file) {
  const PeakMemory peak;
  try {
    (void)parse_torch_checkpoint(as_bytes(file));
    EXPECT_LE(peak.bytes(), file.size() + kTorchSharedBytes + kTorchParserBytes);
    return "";
  } catch (const ModelError& error) {
    EXPECT_LE(peak.bytes(), file.size() + kTorchParserBytes) << error.what();
    return error.what();
  }
}
void expect_refused(const std::string& file, const std::string& why) {
  const std::string got = refusal(file);
  EXPECT_NE(got.find(why), std::string::npos) << "expected: " << why << "\ngot: " << got;
}

std::vector<float> values(const TorchCheckpoint& checkpoint, const std::string& name) {
  return checkpoint.tensors.at(name).to_floats();
}

void expect_state_dict(const TorchCheckpoint& c, const std::string& prefix) {
  std::vector<float> grid(24);
  std::iota(grid.begin(), grid.end(), 0.0F);
  for (float& v : grid) v = v / 8 - 1;
  const auto at = [&](const std::string& name) -> const Tensor& { return c.tensors.at(prefix + name); };
  const auto of = [&](const std::string& name) { return at(name).to_floats(); };
  EXPECT_EQ(at("conv.weight").dims, (Dims{2, 3, 2, 2}));
  EXPECT_EQ(of("conv.weight"), grid);
  EXPECT_EQ(of("tied.weight"), grid);
  EXPECT_EQ(of("conv.bias"), (std::vector<float>{3, 4}));
  EXPECT_EQ(at("transposed").dims, (Dims{3, 2}));
  EXPECT_EQ(of("transposed"), (std::vector<float>{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(of("strided"), (std::vector<float>{1, 3, 5, 7, 9}));
  EXPECT_EQ(of("expanded"), (std::vector<float>{1, 1, 1, 1}));
  EXPECT_EQ(of("parameter"), (std::vector<float>{0.5F, -2}));
  EXPECT_EQ(at("scalar").dims, Dims{});
  EXPECT_EQ(of("scalar"), std::vector<float>{7});
  EXPECT_EQ(at("empty").dims, (Dims{0, 3}));
  const std::pair<const char*, DType> types[] = {
      {"float64", DType::kF64}, {"float16", DType::kF16}, {"bfloat16", DType::kBF16}, {"int64", DType::kI64},
      {"int32", DType::kI32},   {"int16", DType::kI16},   {"int8", DType::kI8},       {"uint8", DType::kU8}};
  for (const auto& [name, type] : types) {
    EXPECT_EQ(at(name).type, type) << name;
    EXPECT_EQ(of(name), (std::vector<float>{0, 1, 3})) << name;
  }
  EXPECT_EQ(at("bool").type, DType::kBool);
  EXPECT_EQ(of("bool"), (std::vector<float>{0, 1, 1}));
}

TEST(TorchCheckpoint, ReadsWhatPyTorchWrites) {
  for (const char* name : {"zip.pt", "stream.pt"}) {
    SCOPED_TRACE(name);
    const TorchCheckpoint c = read_torch_checkpoint(fixture(name));
    EXPECT_EQ(c.container, std::string(name) == "stream.pt" ? "PyTorch stream" : "PyTorch zip");
    EXPECT_EQ(c.tensors.size(), 18U);
    expect_state_dict(c, "module.");
  }
}

TEST(TorchCheckpoint, NestedDictionariesAreJoined) {
  const TorchCheckpoint c = read_torch_checkpoint(fixture("nested_protocol4.pt"));
  expect_state_dict(c, "model.module.");
  EXPECT_EQ(values(c, "list.0"), (std::vector<float>{1, 1}));
  EXPECT_EQ(c.values.at("epoch"), "3");
  EXPECT_EQ(c.values.at("rate"), "0.25");
  EXPECT_EQ(c.values.at("done"), "false");
}

TEST(TorchCheckpoint, TheWriterOfTheseTestsIsUnderstood) {
  const auto c = parse_torch_checkpoint(as_bytes(archive(one(1, {3}, {1}))));
  EXPECT_EQ(values(c, "w"), (std::vector<float>{2, 3, 4}));
  const std::string old = stream(one(0, {2, 2}, {1, 2}, true), {{"0", {4, floats({1, 2, 3, 4})}}});
  EXPECT_EQ(values(parse_torch_checkpoint(as_bytes(old)), "w"), (std::vector<float>{1, 3, 2, 4}));
}

TEST(TorchCheckpoint, RefusesCodeByName) {
  const auto run = [](const char* module, const char* name) {
    return archive(call(global(module, name), tuple({text("touch /tmp/owned")})));
  };
  expect_refused(run("os", "system"), "'os.system'");
  expect_refused(run("posix", "system"), "'posix.system'");
  expect_refused(run("builtins", "eval"), "'builtins.eval'");
  expect_refused(run("__builtin__", "exec"), "'__builtin__.exec'");
  expect_refused(run("torch.storage", "_load_from_bytes"), "'torch.storage._load_from_bytes'");
  expect_refused(run("torch._utils", "__builtins__"), "'torch._utils.__builtins__'");
  expect_refused(archive(text("os") + text("system") + "\x93" + tuple({text("x")}) + "R"), "'os.system'");
  expect_refused(stream(call(global("os", "system"), tuple({text("x")})), {}), "'os.system'");
  EXPECT_THROW((void)read_torch_checkpoint(fixture("module.pt")), ModelError);
  expect_refused(archive("ios\nsystem\n"), "opcode 0x69");                            // INST
  expect_refused(archive(global("torch", "FloatStorage") + ")\x81"), "opcode 0x81");  // NEWOBJ
  expect_refused(archive(call(call(global("torch", "Size"), ")"), ")")), "no function");
}

TEST(TorchCheckpoint, RefusesSizesThatLie) {
  constexpr std::int64_t kHuge = std::int64_t{1} << 62;
  expect_refused(archive(one(0, {kHuge, 4}, {0, 0})), "too large");
  expect_refused(archive(one(0, {kHuge}, {0})), "a file of this size does not hold");
  expect_refused(archive(one(0, {kHuge}, {1})), "reaches beyond");
  expect_refused(archive(one(kHuge, {2}, {kHuge})), "reaches beyond");
  expect_refused(archive(one(2, {3}, {1})), "reaches beyond");
  expect_refused(archive(one(0, {2, 2}, {kHuge, kHuge})), "reaches beyond");
  expect_refused(archive(one(0, {-1}, {1})), "no natural number");
  expect_refused(archive(one(-1, {1}, {1})), "no natural number");
  expect_refused(archive(one(0, {2}, {-1})), "no natural number");
  expect_refused(archive(one(0, {2, 2}, {1})), "differ in number");
  EXPECT_EQ(refusal(archive(one(0, {0, kHuge}, {kHuge, kHuge}))), "");  // no element: nothing to read
  const std::string huge = tensor(storage("FloatStorage", "0", kHuge, false), 0, {4}, {1});
  expect_refused(archive(ordered_dict({{"w", huge}})), "storage '0'");
  expect_refused(archive(one(0, {4}, {1}), floats({1, 2, 3})), "the pickle says 4 elements");
  expect_refused(archive(one(0, std::vector<std::int64_t>(9, 1), std::vector<std::int64_t>(9, 1))),
                 "at most 8");
}

TEST(TorchCheckpoint, StoragesMayBeSharedButNotAmplified) {
  std::vector<std::pair<std::string, std::string>> items;
  const std::string large(400'000, '\0');
  for (int i = 0; i < 8; ++i) {
    items.emplace_back("w" + std::to_string(i),
                       tensor(storage("FloatStorage", "0", 100'000, false), 0, {100'000}, {1}));
  }
  expect_refused(archive(ordered_dict(items), large), "a file of this size does not hold");
  items.resize(3);
  EXPECT_EQ(refusal(archive(ordered_dict(items), large)), "");
  // Views may be larger than their storage only as long as the file pays for them.
  const std::string expanded =
      ordered_dict({{"w", tensor(storage("FloatStorage", "0", 4, false), 0, {1 << 19}, {0})}});
  expect_refused(archive(expanded), "a file of this size does not hold");
  const std::string two_types =
      ordered_dict({{"a", tensor(storage("FloatStorage", "0", 4, false), 0, {4}, {1})},
                    {"b", tensor(storage("HalfStorage", "0", 8, false), 0, {8}, {1})}});
  expect_refused(archive(two_types), "another type or size elsewhere");
  items = {items[0], items[0]};
  expect_refused(archive(ordered_dict(items), large), "appears twice");
}

TEST(TorchCheckpoint, RefusesRecursion) {
  // A dictionary that holds itself.
  expect_refused(archive("}q\x01" + text("a") + "h\x01s"), "nested deeper");
  // Every list twice in the next: 2^25 visits out of 150 bytes.
  std::string doubling = "]";
  for (int i = 0; i < 25; ++i) doubling += std::string("q\x01") + "0](h\x01" + "h\x01" + "e";
  expect_refused(archive(doubling), "without end");
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += "](";
  deep += "N";
  for (int i = 0; i < 5000; ++i) deep += "e";
  expect_refused(archive(deep), "nested deeper");
  // A million empty lists.
  expect_refused(archive("(" + std::string(1'000'000, ']') + "t"), "values");
}

TEST(TorchCheckpoint, RefusesWhatIsSmallInTheFileAndLargeInMemory) {
  expect_refused(archive(std::string(4'000'000, '(')), "values take more");
  expect_refused(archive("]r\xff\xff\xff\x7f"), "values take more");  // a memo of 2^31 slots
  std::string copies = "](";
  for (int i = 0; i < 1'000'000; ++i) copies += "N";
  expect_refused(archive(copies + "e"), "values take more");
  expect_refused(archive("}" + text(std::string(1000, 'k')) + "Ns"), "longer than 512");
  // Visits are bounded by the number of values: some that nobody reads.
  std::string ballast;
  for (int i = 0; i < 3000; ++i) ballast += "K\x01" + std::string("0");
  // One tensor under ten thousand names of five hundred bytes.
  std::string names = ballast + tensor(storage("FloatStorage", "0", 4, false), 0, {0}, {1}) + "q\x01" +
                      "0}(" + text(std::string(500, 'n')) + "](";
  for (int i = 0; i < 10'000; ++i) names += "h\x01";
  expect_refused(archive(names + "eu"), "too many tensors");
  // One text of a megabyte, ten thousand times: shortened in the list of values.
  std::string texts = ballast + text(std::string(1'000'000, 't')) + "q\x01" + "0](";
  for (int i = 0; i < 10'000; ++i) texts += "h\x01";
  EXPECT_EQ(refusal(archive(texts + "e")), "");
  const std::string key = tensor(storage("FloatStorage", std::string(1'000'000, '0'), 4, false), 0, {4}, {1});
  expect_refused(archive(ordered_dict({{"w", key}})), "unknown kind");
}

TEST(TorchCheckpoint, RefusesBrokenPickles) {
  for (const char* object :
       {"", "N0", "R", "h\x05", "t", "e", "X\xff\xff\xff\xff", "(", "q\x01", "NN", "b", "Q", "a"}) {
    EXPECT_NE(refusal(archive(object)), "") << object;
  }
  expect_refused(zip({{"a/data.pkl", "\x80\x05N."}}), "protocol 5");
  EXPECT_EQ(refusal(zip({{"a/data.pkl", "\x80\x02}."}})), "");
}

TEST(TorchCheckpoint, RefusesHostileArchives) {
  const std::string object = whole(one(0, {4}, {1}));
  const std::string data = floats({1, 2, 3, 4});
  expect_refused(zip({{"a/data.pkl", object}, {"a/data/0", data}, {"a/../../etc/x", ""}}), "leads elsewhere");
  expect_refused(zip({{"/data.pkl", object}}), "leads elsewhere");
  expect_refused(zip({{"a\\data.pkl", object}}), "leads elsewhere");
  expect_refused(zip({{"a/data.pkl", object}, {"a/data/0", data}, {"a/data/0", data}}), "appears twice");
  expect_refused(zip({{"a/data.pkl", object}, {"b/data.pkl", object}}), "2 entries 'data.pkl'");
  expect_refused(zip({{"a/data.pkl", object}}), "'a/data/0' is missing");
  expect_refused(zip({{"a/data.pkl", object}, {"a/data/0", data, 0x7FFFFFFF}}), "exceed the file");
  expect_refused(zip({{"a/data.pkl", object}, {"a/data/0", data, UINT32_MAX, 12}}), "method 12");
  std::vector<ZipEntry> many;
  for (int i = 0; i < 60'000; ++i) many.push_back({std::to_string(i), ""});
  expect_refused(zip(many), "0 entries 'data.pkl'");
  for (const char* name : {"deflated.pt", "bomb.pt"}) {
    std::ifstream file(fixture(name), std::ios::binary);
    expect_refused({std::istreambuf_iterator<char>(file), {}}, "is compressed (method 8)");
  }
  expect_refused(zip({{"a/data.pkl", object}, {"a/data/0", data}, {"a/byteorder", "big"}}), "big-endian");
  expect_refused(zip({}), "");
  std::string flipped = archive(one(0, {4}, {1}));
  flipped[flipped.find(data) + 5] ^= 1;
  expect_refused(flipped, "a/data/0");  // its checksum
  const std::string key_path = tensor(storage("FloatStorage", "../data.pkl", 4, false), 0, {4}, {1});
  expect_refused(archive(ordered_dict({{"w", key_path}})), "is missing");
  std::string count = archive(one(0, {4}, {1}));
  count.replace(count.size() - 12, 2, "\xff\xfe");  // entries in the end record
  expect_refused(count, "too short");
  std::string renamed = archive(one(0, {4}, {1}));
  renamed[renamed.find("a/data/0") + 7] = '1';
  expect_refused(renamed, "another name in its header");
  // Both ends of the archive claim one directory, at the same place.
  expect_refused("PK\x03\x04" + std::string("PK\x05\x06", 4) + std::string(8, '\xff') +
                     std::string(8, '\xff') + std::string(2, '\0'),
                 "truncated");
}

TEST(TorchCheckpoint, ReadsWideArchives) {
  // What PyTorch writes beyond 4 GiB: a 64-bit end record, and sizes in the extra field of an entry.
  const std::string data = floats({1, 2, 3, 4}), object = whole(one(0, {4}, {1}));
  std::string file = archive(one(0, {4}, {1}));
  const std::size_t directory = file.find("PK\x01\x02"), end = file.find("PK\x05\x06");
  std::string entries = file.substr(directory, end - directory);
  const std::size_t second = entries.find("PK\x01\x02", 4);
  const std::string size = entries.substr(second + 20, 4), place = entries.substr(second + 42, 4);
  const std::string zeros(4, '\0'), ones(4, '\xff');
  entries.replace(second + 20, 8, ones + ones)
      .replace(second + 30, 2, little(28, 2))
      .replace(second + 42, 4, ones);
  entries.insert(second + 46 + std::string_view("a/data/0").size(),
                 little(1, 2) + little(24, 2) + size + zeros + size + zeros + place + zeros);
  const std::string wide = "PK\x06\x06" + little(44, 8) + little(45, 2) + little(45, 2) + little(0, 8) +
                           little(3, 8) + little(3, 8) + little(entries.size(), 8) + little(directory, 8);
  const std::string locator =
      "PK\x06\x07" + little(0, 4) + little(directory + entries.size(), 8) + little(1, 4);
  file = file.substr(0, directory) + entries + wide + locator + "PK\x05\x06" + std::string(16, '\xff') +
         little(0, 2);
  EXPECT_EQ(values(parse_torch_checkpoint(as_bytes(file)), "w"), (std::vector<float>{1, 2, 3, 4}));
}

TEST(TorchCheckpoint, RefusesEveryTruncation) {
  for (const char* name : {"zip.pt", "stream.pt"}) {
    std::ifstream file(fixture(name), std::ios::binary);
    const std::string whole_file{std::istreambuf_iterator<char>(file), {}};
    for (std::size_t size = 0; size < whole_file.size(); size += 7) {
      EXPECT_NE(refusal(whole_file.substr(0, size)), "") << name << " cut to " << size;
    }
    if (std::string(name) == "stream.pt") expect_refused(whole_file + "x", "after the last storage");
  }
}

TEST(TorchCheckpoint, RefusesHostileStreams) {
  const std::string object = one(0, {4}, {1}, true), data = floats({1, 2, 3, 4});
  expect_refused(stream(object, {}), "is missing");
  expect_refused(stream(object, {{"0", {5, data}}}), "the pickle says 4");
  expect_refused(stream(object, {{"0", {4, data}}, {"0", {4, data}}}), "appears twice");
  expect_refused(stream(object, {{"1", {4, data}}}), "belongs to no tensor");
  expect_refused(stream(object, {{"0", {4, data.substr(1)}}}), "truncated");
  expect_refused(whole(integer(5)), "magic number");
  expect_refused("hello", "neither");
}

}  // namespace
}  // namespace unblur
