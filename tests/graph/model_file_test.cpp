// SPDX-License-Identifier: MIT
// Safetensors, graph JSON and model files: round trips, deterministic bytes, and refusal of every kind of
// malformed file with a message that says what is wrong.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <random>

#include "graph/file.h"
#include "graph/model.h"
#include "graph/op_registry.h"
#include "model_error.h"

namespace unblur {
namespace {

using testing::Test;

std::vector<std::byte> file_bytes(std::string_view header, std::size_t data_bytes) {
  std::vector<std::byte> bytes(8 + header.size() + data_bytes);
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<std::byte>(header.size() >> (8 * i));
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  return bytes;
}

std::filesystem::path scratch(const std::string& name) {
  return std::filesystem::path(testing::TempDir()) /
         ("unblur_model_" + std::to_string(::getpid()) + "_" + name);
}

Tensor numbers(Dims dims, float first) {
  Tensor tensor(DType::kF32, std::move(dims));
  float value = first;
  for (float& v : tensor.f32()) v = value += 0.25F;
  return tensor;
}

/// A graph with a state, shared parameters, every attribute type and most operators.
Graph example_graph() {
  Graph g;
  const Value frame = g.add("frame", op::Input{"frame", 3, 0});
  const Value past = g.add("past", op::Input{"past", 3, -1});
  const Value hidden = g.add_state("hidden", 4);
  const op::Conv2d conv{.weight = "a.weight",
                        .bias = "a.bias",
                        .out_channels = 4,
                        .pad = Margins::all(1),
                        .border = Border::kReflect};
  const Value x = g.add("a1", conv, {frame});
  const Value y = g.add("a2", conv, {past});
  const Value sum = g.add("sum", op::Binary{op::BinaryKind::kAdd}, {x, y});
  const Value act = g.add("act", op::Unary{op::UnaryKind::kLeakyRelu, 0.1F}, {sum});
  const Value mixed = g.add("mixed", op::Concat{}, {act, hidden});
  const Value norm = g.add("norm", op::NormChannels{op::NormKind::kRms, 1e-6F}, {mixed});
  const Value gain = g.add("gain", op::ChannelAffine{"gain", ""}, {norm});
  const Value next = g.add("next", op::Slice{2, 4}, {gain});
  const Value up = g.add("up", op::PixelShuffle{2, op::ShuffleOrder::kBlockMajor}, {gain});
  const Value down = g.add("down", op::Resize{op::Interpolation::kBilinear, true, 1, 2}, {up});
  g.set_state("hidden", next, act, true);
  g.set_output("frame", frame);
  g.set_output("debug", down);
  return g;
}

Model example_model() {
  Model model{.info = {.name = "example", .size_multiple = 2, .min_size = 4, .card = {{"license", "MIT"}}},
              .graph = example_graph()};
  for (const auto& [name, dims] : model.graph.parameters()) model.parameters[name] = numbers(dims, 0.5F);
  return model;
}

TEST(Safetensors, RoundTripOfEveryType) {
  SafeTensors content{.metadata = {{"a", "1"}, {"umlaut", "\xc3\xa4"}}};
  for (const DType type : {DType::kF64, DType::kF32, DType::kF16, DType::kBF16, DType::kI64, DType::kI32,
                           DType::kI16, DType::kI8, DType::kU8, DType::kBool}) {
    Tensor tensor(type, {3, 5});
    for (std::size_t i = 0; i < tensor.bytes.size(); ++i) tensor.bytes[i] = static_cast<std::byte>(i);
    content.tensors.emplace(std::string(name_of(type)), std::move(tensor));
  }
  content.tensors.emplace("empty", Tensor(DType::kF32, {0, 7}));
  content.tensors.emplace("scalar", Tensor(DType::kI64, {}));
  const SafeTensors back = parse_safetensors(serialise_safetensors(content));
  EXPECT_EQ(back.metadata, content.metadata);
  ASSERT_EQ(back.tensors.size(), content.tensors.size());
  for (const auto& [name, tensor] : content.tensors) {
    const Tensor& read = back.tensors.at(name);
    EXPECT_EQ(read.type, tensor.type) << name;
    EXPECT_EQ(read.dims, tensor.dims) << name;
    EXPECT_EQ(read.bytes, tensor.bytes) << name;
  }
}

TEST(Safetensors, BytesAreThoseOfTheFormat) {
  const SafeTensors content{.tensors = {{"x", Tensor::from_floats({2}, std::vector{1.0F, -2.0F})}},
                            .metadata = {{"k", "v"}}};
  const std::string header =
      R"({"__metadata__":{"k":"v"},"x":{"data_offsets":[0,8],"dtype":"F32","shape":[2]}})";
  const std::size_t padded = (header.size() + 7) / 8 * 8;
  auto expected = file_bytes(header + std::string(padded - header.size(), ' '), 8);
  const float values[] = {1.0F, -2.0F};
  std::memcpy(expected.data() + 8 + padded, values, sizeof values);
  EXPECT_EQ(serialise_safetensors(content), expected);
}

TEST(Safetensors, EveryTensorIsAligned) {
  const SafeTensors content{.tensors = {{"a", Tensor(DType::kU8, {3})},
                                        {"b", Tensor(DType::kF32, {1})},
                                        {"c", Tensor(DType::kF16, {1})},
                                        {"d", Tensor(DType::kI64, {1})}}};
  const auto bytes = serialise_safetensors(content);
  const std::string text(reinterpret_cast<const char*>(bytes.data()) + 8, bytes.size() - 8);
  EXPECT_NE(text.find(R"("d":{"data_offsets":[0,8])"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("b":{"data_offsets":[8,12])"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("c":{"data_offsets":[12,14])"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("a":{"data_offsets":[14,17])"), std::string::npos) << text;
}

TEST(Safetensors, RefusesMalformedHeaders) {
  struct Case {
    const char* header;
    std::size_t data;
    const char* message;
  };
  const Case cases[] = {
      {R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 4, "truncated"},
      {R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 9, "bytes after the last tensor"},
      {R"({"x":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8, "do not hold 3 elements"},
      {R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8, "offsets 8 to 0"},
      {R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8, "a hole"},
      {R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"y":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
       8, "overlap"},
      {R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
       4, "'x' appears twice"},
      {R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"dtype":"F32"}})", 4, "'dtype' appears twice"},
      {R"({"x":{"dtype":"F8","shape":[1],"data_offsets":[0,1]}})", 1, "'F8' is not supported"},
      {R"({"x":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, "'shape' must be an integer"},
      {R"({"x":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", 4, "'shape' must be an integer"},
      {R"({"x":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0, "too large"},
      {R"({"x":{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}})", 4, "do not hold"},
      {R"({"x":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4]}})", 4, "integer"},
      {R"({"x":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}})", 4, "at most 8"},
      {R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}})", 4, "[begin, end]"},
      {R"({"x":{"dtype":"F32","shape":[1]}})", 4, "'data_offsets' is missing"},
      {R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1}})", 4, "unknown attribute"},
      {R"({"x":3})", 0, "not an object"},
      {R"({"__metadata__":{"a":1}})", 0, "must be text"},
      {R"({"__metadata__":[]})", 0, "not an object"},
      {R"([])", 0, "not a JSON object"},
      {R"({"x":)", 0, "not valid JSON"},
      {"{\"\xff\":1}", 0, "not valid JSON"},
      {"", 0, "not valid JSON"},
      {"[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]", 0, "nested deeper"},
  };
  for (const Case& c : cases) {
    const std::string message = model_error([&] { (void)parse_safetensors(file_bytes(c.header, c.data)); });
    EXPECT_NE(message.find(c.message), std::string::npos) << c.header << "\n  says: " << message;
  }
}

TEST(Safetensors, RefusesImpossibleLengths) {
  EXPECT_NE(model_error([] { (void)parse_safetensors({}); }).find("0 bytes"), std::string::npos);
  auto bytes = file_bytes("{}", 0);
  bytes[0] = std::byte{200};
  EXPECT_NE(model_error([&] { (void)parse_safetensors(bytes); }).find("truncated"), std::string::npos);
  bytes[7] = std::byte{0xff};
  EXPECT_NE(model_error([&] { (void)parse_safetensors(bytes); }).find("at most"), std::string::npos);
}

TEST(Safetensors, ReadingAFileEqualsParsingIt) {
  const auto path = scratch("equal.safetensors");
  const SafeTensors content = model_to_safetensors(example_model());
  write_safetensors(path, content);
  EXPECT_EQ(serialise_safetensors(read_safetensors(path)), serialise_safetensors(content));
  std::filesystem::remove(path);
}

TEST(Safetensors, ErrorsOfFilesNameThePath) {
  EXPECT_NE(
      model_error([] { (void)read_safetensors("/nonexistent/m"); }).find("/nonexistent/m: no such file"),
      std::string::npos);
  EXPECT_NE(model_error([] { (void)read_safetensors("/dev/zero"); }).find("not a regular file"),
            std::string::npos);
  const auto path = scratch("empty.safetensors");
  std::ofstream(path).close();
  EXPECT_NE(model_error([&] { (void)read_model(path); }).find(path.string()), std::string::npos);
  std::filesystem::remove(path);
}

// A header may promise terabytes; nothing of that size may be allocated before the file's size refutes it.
TEST(Safetensors, HugePromisesAreRefusedWithoutAllocating) {
  const std::string message = model_error([] {
    (void)parse_safetensors(
        file_bytes(R"({"x":{"dtype":"U8","shape":[1099511627776],"data_offsets":[0,1099511627776]}})", 4));
  });
  EXPECT_NE(message.find("truncated"), std::string::npos) << message;
}

TEST(WriteFile, LeavesNothingBehindWhenTheDiskIsFull) {
  // RLIMIT_FSIZE makes write() fail like a full disk does, without needing one.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  rlimit small = old;
  small.rlim_cur = 100;
  const auto path = scratch("full");
  setrlimit(RLIMIT_FSIZE, &small);
  EXPECT_THROW(write_safetensors(path, {.tensors = {{"x", Tensor(DType::kF32, {1000})}}}), ProcessingError);
  setrlimit(RLIMIT_FSIZE, &old);
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_FALSE(std::filesystem::exists(path.string() + ".part"));
}

TEST(WriteFile, SaysWhyAFileCannotBeCreated) {
  try {
    write_file("/nonexistent/folder/m", {});
    FAIL() << "no error";
  } catch (const ProcessingError& error) {
    EXPECT_NE(std::string(error.what()).find("No such file or directory"), std::string::npos) << error.what();
  }
}

TEST(GraphJson, RoundTripKeepsEverything) {
  const Graph graph = example_graph();
  const std::string json = graph_to_json(graph);
  const Graph back = graph_from_json(json);
  EXPECT_EQ(graph_to_json(back), json);
  ASSERT_EQ(back.nodes().size(), graph.nodes().size());
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    EXPECT_EQ(describe(back.nodes()[i].op), describe(graph.nodes()[i].op));
    EXPECT_EQ(back.nodes()[i].channels, graph.nodes()[i].channels);
  }
  EXPECT_EQ(back.parameters(), graph.parameters());
  EXPECT_TRUE(back.states()[0].zero);
}

// Every operator survives with non-default attributes: the printed form shows all of them.
TEST(GraphJson, RoundTripOfEveryOperator) {
  Graph g;
  const Value rgb = g.add("rgb", op::Input{"rgb", 3, 1});
  const Value four = g.add("four", op::Input{"four", 4, 0});
  const Value flow = g.add("flow", op::Input{"flow", 2, 0});
  g.add("", op::Conv2d{"w", "b", 6, {5, 3}, {2, 1}, {1, 2}, 3, {1, 2, 3, 4}, Border::kReplicate}, {rgb});
  g.add("", op::ConvTranspose2d{"v", "", 4, {4, 5}, {3, 2}, {1, 2}, {1, 0}, 2, {4, 3, 2, 1}}, {four});
  g.add("", op::DeformConv2d{"d", "e", 4, {1, 1}, {3, 2}, {2, 3}, 2, 2, {4, 3, 2, 1}}, {four, four, flow});
  g.add("", op::GatherMean{}, {rgb, four});
  g.add("", op::PixelShuffle{2, op::ShuffleOrder::kBlockMajor}, {four});
  g.add("", op::PixelUnshuffle{3, op::ShuffleOrder::kBlockMajor}, {four});
  g.add("", op::Resize{op::Interpolation::kNearest, true, 3, 2}, {rgb});
  g.add("", op::Warp{0.125F, Border::kZero}, {four, flow});
  g.add("", op::Correlation{4, 2, false}, {four, four});
  g.add("", op::PixelVolume{3, -1.0F}, {rgb, rgb, flow});
  g.add("", op::Neighbourhood{5}, {four});
  g.add("", op::Pad{{1, 2, 3, 4}, Border::kReflect, 8}, {rgb});
  g.add("", op::Crop{{4, 3, 2, 1}, 16}, {rgb});
  g.add("", op::Part{{3, 2}, {2, 1}}, {four});
  g.add("", op::Join{{2, 2}}, {rgb, rgb, rgb, rgb});
  g.add("", op::Concat{}, {rgb, flow, four});
  g.add("", op::Slice{1, 2}, {four});
  g.add("", op::Binary{op::BinaryKind::kMax}, {four, four});
  g.add("", op::Unary{op::UnaryKind::kElu, 0.3F}, {four});
  g.add("", op::Clamp{-0.1F, 1.1F}, {four});
  g.add("", op::Affine{255.0F, -0.3F}, {four});
  g.add("", op::ChannelAffine{"s", "t"}, {four});
  g.add("", op::ReduceSpace{op::Reduction::kMax}, {four});
  g.add("", op::ReduceChannels{op::Reduction::kMean}, {four});
  g.add("", op::SoftmaxChannels{}, {four});
  const Value last = g.add("", op::NormChannels{op::NormKind::kRms, 1e-6F}, {four});
  const Value path = g.add("", op::ExposurePath{op::PathForm::kBilin, 13}, {four});
  g.add("", op::MotionTaps{"r"}, {path});
  g.set_output("frame", last);
  // All alternatives of Op but State, which example_graph has.
  ASSERT_EQ(g.nodes().size(), std::variant_size_v<Op> - 1 + 2);
  const Graph back = graph_from_json(graph_to_json(g));
  for (std::size_t i = 0; i < g.nodes().size(); ++i) {
    EXPECT_EQ(describe(back.nodes()[i].op), describe(g.nodes()[i].op));
    EXPECT_EQ(back.nodes()[i].name, g.nodes()[i].name);
    EXPECT_EQ(back.nodes()[i].inputs, g.nodes()[i].inputs);
  }
}

/// The example's JSON with one piece replaced.
std::string tampered(const std::string& from, const std::string& to) {
  std::string json = graph_to_json(example_graph());
  const std::size_t at = json.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return json.replace(at, from.size(), to);
}

TEST(GraphJson, ErrorsNameTheNode) {
  struct Case {
    const char *from, *to, *message;
  };
  const Case cases[] = {
      {R"("out_channels":4)", R"("out_channels":999999)", "'a1'"},
      {R"("out_channels":4)", R"("out_channels":-1)", "out_channels is -1"},
      {R"("out_channels":4)", R"("out_channels":5)", "shape"},
      {R"("kernel":[3,3])", R"("kernel":[3])", "node 'a1': 'kernel' must be a list of 2"},
      {R"("kernel":[3,3])", R"("kernel":[0,3])", "kernel is 0"},
      {R"("kernel":[3,3])", R"("kernel":[3,1000000])", "kernel is 1000000"},
      {R"("border":"reflect")", R"("border":"mirror")", "'mirror' is no value of 'border'"},
      {R"("groups":1)", R"("groups":3)", "groups"},
      {R"("groups":1)", R"("group":1)", "'groups' is missing"},
      {R"("groups":1)", R"("groups":1,"zoom":2)", "node 'a1': has an unknown member"},
      {R"("op":"conv2d")", R"("op":"conv9d")", "conv9d"},
      {R"("in":[3,4])", R"("in":[3,5])", "'in' must be an integer from 0 to 4"},
      {R"("in":[3,4])", R"("in":[3,-1])", "'in' must be an integer"},
      {R"("in":[3,4])", R"("in":[3,4,4])", "'sum'"},
      {R"("in":[3,4])", R"("in":3)", "node 'sum': 'in' must be a list"},
      {R"("name":"a2")", R"("name":"a1")", "used twice"},
      {R"("name":"state.hidden")", R"("name":"hidden")", "its name must be 'state.hidden'"},
      {R"("next":10)", R"("next":99)", "state 'hidden': 'next'"},
      {R"("next":10)", R"("next":0)", "'hidden'"},
      {R"("zero":true)", R"("zero":1)", "state 'hidden': 'zero' must be true or false"},
      {R"("eps":9.999999974752427e-07)", R"("eps":1e60)", "node 'norm': 'eps' must be a finite number"},
      {R"("eps":9.999999974752427e-07)", R"("eps":"x")", "finite"},
      {R"("align_corners":true)", R"("align_corners":null)", "node 'down': 'align_corners'"},
      {R"({"name":"debug")", R"({"name":"frame")", "'frame' is declared twice"},
      {R"("states":[)", R"("states":0,"more":[)", "unknown member"},
  };
  for (const Case& c : cases) {
    const std::string message = model_error([&] { (void)graph_from_json(tampered(c.from, c.to)); });
    EXPECT_NE(message.find(c.message), std::string::npos) << c.to << "\n  says: " << message;
  }
}

TEST(GraphJson, MessagesShowNoControlCharacters) {
  const std::string message = model_error(
      [] { (void)graph_from_json(tampered(R"("border":"reflect")", R"("border":"\u001b[31m")")); });
  EXPECT_NE(message.find("'?[31m'"), std::string::npos) << message;
}

TEST(ModelFile, RoundTripAndIdenticalBytes) {
  const auto path = scratch("model.safetensors");
  Model model = example_model();
  model.info.receptive_field = 17;
  write_model(path, model);
  const Model back = read_model(path);
  EXPECT_EQ(back.info.name, "example");
  EXPECT_EQ(back.info.task, "deblur");
  EXPECT_EQ(back.info.size_multiple, 2);
  EXPECT_EQ(back.info.min_size, 4);
  EXPECT_EQ(back.info.range_low, 0.0F);
  EXPECT_EQ(back.info.range_high, 1.0F);
  EXPECT_EQ(back.info.receptive_field, 17);
  EXPECT_EQ(back.info.card, model.info.card);
  EXPECT_EQ(serialise_safetensors(model_to_safetensors(back)), serialise_safetensors(read_safetensors(path)));
  std::filesystem::remove(path);
}

TEST(ModelFile, HalfPrecisionParametersAreAccepted) {
  Model model = example_model();
  for (auto& [name, tensor] : model.parameters) tensor = tensor.as(DType::kF16);
  const Model back = parse_model(serialise_safetensors(model_to_safetensors(model)));
  EXPECT_EQ(back.parameters.at("a.bias").type, DType::kF16);
}

TEST(ModelFile, RefusesWrongMetadata) {
  struct Case {
    const char *key, *value, *message;
  };
  const Case cases[] = {
      {"unblur_format", "2", "reads format 1"},   {"task", "dance", "none of deblur"},
      {"size_multiple", "0", "not within"},       {"size_multiple", "2x", "not a number"},
      {"size_multiple", "99999999999", "number"}, {"min_size", "5000", "not within"},
      {"range", "1 0", "below the second"},       {"range", "0", "two numbers"},
      {"range", "nan 1", "below the second"},     {"window", "0 0", "contradicts the graph"},
      {"states", "", "contradicts the graph"},    {"receptive_field", "-1", "not within"},
      {"graph", "{", "not valid JSON"},
  };
  for (const Case& c : cases) {
    SafeTensors content = model_to_safetensors(example_model());
    content.metadata[c.key] = c.value;
    const std::string message = model_error([&] { (void)parse_model(serialise_safetensors(content)); });
    EXPECT_NE(message.find(c.message), std::string::npos)
        << c.key << "=" << c.value << "\n  says: " << message;
  }
  const std::string message = model_error([] {
    (void)parse_model(serialise_safetensors({.tensors = {{"x", Tensor(DType::kF32, {1})}}}));
  });
  EXPECT_NE(message.find("unblur-convert"), std::string::npos) << message;
}

/// A model of trajectories whose outputs are slices of one convolution.
Model example_trajectory() {
  Model model{.info = {.name = "paths", .task = "trajectory", .trajectory = TrajectoryInfo{"lin", 5, true}}};
  const Value frame = model.graph.add("frame", op::Input{"frame", 3, 0});
  const Value all = model.graph.add("all", op::Concat{}, {frame, frame, frame, frame});
  model.graph.set_output("control", model.graph.add("control", op::Slice{0, 2}, {all}));
  model.graph.set_output("offsets", model.graph.add("offsets", op::Slice{2, 10}, {all}));
  return model;
}

TEST(ModelFile, TrajectoryRoundTripAndRefusals) {
  const SafeTensors content = model_to_safetensors(example_trajectory());
  EXPECT_EQ(content.metadata.at("trajectory"), "lin 5 directed");
  EXPECT_EQ(parse_model(serialise_safetensors(content)).info.trajectory, (TrajectoryInfo{"lin", 5, true}));
  const std::pair<const char*, const char*> cases[] = {
      {"lin 5", "a mode, a number"},        {"", "a mode, a number"},
      {"cubic 5 directed", "none of quad"}, {"lin 4 directed", "must be odd"},
      {"lin 1 directed", "must be odd"},    {"lin 257 directed", "must be odd"},
      {"lin x directed", "not a number"},   {"lin 5 both", "neither"},
      {"quad 5 directed", "needs 4"},       {"lin 7 directed", "need 14"},
  };
  for (const auto& [text, expected] : cases) {
    SafeTensors wrong = content;
    wrong.metadata["trajectory"] = text;
    const std::string message = model_error([&] { (void)parse_model(serialise_safetensors(wrong)); });
    EXPECT_NE(message.find(expected), std::string::npos) << text << "\n  says: " << message;
  }
  SafeTensors none = content;
  none.metadata.erase("trajectory");
  const std::string message = model_error([&] { (void)parse_model(serialise_safetensors(none)); });
  EXPECT_NE(message.find("no metadata 'trajectory'"), std::string::npos) << message;
}

TEST(ModelFile, ListsEveryWrongParameter) {
  Model model = example_model();
  model.parameters.erase("gain");
  model.parameters["a.bias"] = Tensor(DType::kF32, {5});
  model.parameters["a.weight"] = Tensor(DType::kI32, {4, 3, 3, 3});
  model.parameters["stray"] = Tensor(DType::kF32, {1});
  const std::string message = model_error([&] { model.check_parameters(); });
  for (const char* part : {"'gain' [8] is missing", "'a.bias' is [5], the graph needs [4]",
                           "'a.weight' has elements of I32", "'stray' is unexpected"}) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
}

// Flips, cuts and noise over a valid file: whatever comes out is a model or a ModelError, never a crash.
TEST(ModelFile, RandomDamageEndsInAModelOrAnError) {
  const auto valid = serialise_safetensors(model_to_safetensors(example_model()));
  std::mt19937 random(7);  // NOLINT: the same damage in every run
  int accepted = 0;
  constexpr int kRounds = 3000;
  for (int round = 0; round < kRounds; ++round) {
    auto bytes = valid;
    const int changes = 1 + static_cast<int>(random() % 3);
    for (int i = 0; i < changes; ++i) bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    try {
      (void)parse_model(bytes);
      ++accepted;
    } catch (const ModelError&) {
    }
  }
  EXPECT_GT(accepted, 0);        // damage to a weight is a valid file
  EXPECT_LT(accepted, kRounds);  // damage to the header is not
}

}  // namespace
}  // namespace unblur
