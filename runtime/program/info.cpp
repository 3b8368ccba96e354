// SPDX-License-Identifier: MIT
// The verb `info`: the card of a model.
#include <fmt/format.h>

#include <filesystem>

#include "program/context.h"
#include "program/files.h"
#include "program/reports.h"

namespace unblur {
namespace {

std::int64_t parameter_count(const Model& model) {
  std::int64_t count = 0;
  for (const auto& [name, tensor] : model.parameters) count += tensor.count();
  return count;
}

std::string frame_window(const Graph& graph) {
  int low = 0, high = 0;
  for (const Value v : graph.inputs()) {
    const int offset = std::get<op::Input>(graph.node(v).op).frame_offset;
    low = std::min(low, offset), high = std::max(high, offset);
  }
  if (low == 0 && high == 0) return "one at a time";
  return fmt::format("from {} to {:+} around the one that is restored", low, high);
}

nlohmann::json card_json(const Model& model) {
  const ModelInfo& i = model.info;
  nlohmann::json j{{"name", i.name},
                   {"task", i.task},
                   {"parameters", parameter_count(model)},
                   {"size_multiple", i.size_multiple},
                   {"min_size", i.min_size},
                   {"range", {i.range_low, i.range_high}},
                   {"nodes", model.graph.nodes().size()},
                   {"multiply_adds_720p", multiply_adds(model.graph, 720, 1280)},
                   {"card", i.card}};
  j["receptive_field"] = i.receptive_field ? nlohmann::json(*i.receptive_field) : nlohmann::json();
  if (i.trajectory)
    j["trajectory"] = {
        {"mode", i.trajectory->mode}, {"points", i.trajectory->points}, {"directed", i.trajectory->directed}};
  for (const StateSpec& s : model.graph.states()) j["states"].push_back(s.name);
  for (const OutputSpec& o : model.graph.outputs()) j["outputs"].push_back(o.name);
  return j;
}

std::string card_text(const Model& model) {
  const ModelInfo& i = model.info;
  const auto line = [](const std::string& name, const std::string& value) {
    return fmt::format("{:<18} {}\n", name, value);
  };
  std::string text = line("name", i.name) + line("task", i.task);
  const auto parameters = static_cast<double>(parameter_count(model));
  text += line("parameters", parameters >= 1e5 ? fmt::format("{:.2f} million", parameters / 1e6)
                                               : fmt::format("{}", parameters));
  const double work = static_cast<double>(multiply_adds(model.graph, 720, 1280));
  text += line("multiply-adds", fmt::format("{:.1f} G per 1280x720 frame ({:.1f} k per pixel)", work / 1e9,
                                            work / (1280.0 * 720) / 1e3));
  text += line("frames", frame_window(model.graph));
  std::string states, outputs;
  for (const StateSpec& s : model.graph.states()) states += (states.empty() ? "" : ", ") + s.name;
  for (const OutputSpec& o : model.graph.outputs()) outputs += (outputs.empty() ? "" : ", ") + o.name;
  text += line("states", states.empty() ? "none" : states) + line("outputs", outputs);
  text += line("value range", fmt::format("{} to {}", i.range_low, i.range_high));
  text += line("size multiple", fmt::format("{} (frames are padded and cropped)", i.size_multiple));
  text += line("receptive field", i.receptive_field ? fmt::format("{} px to each side", *i.receptive_field)
                                                    : "unbounded (follows motion)");
  if (i.trajectory)
    text += line("trajectories", fmt::format("{}, {} time points{}", i.trajectory->mode, i.trajectory->points,
                                             i.trajectory->directed ? "" : ", start and end may be swapped"));
  for (const auto& [name, value] : i.card) {
    if (name == "licence_text" || name == "sources") continue;  // long: --license prints them
    text += line(name, value);
  }
  return text;
}

std::string licence_text(const Model& model) {
  std::string text;
  for (const char* key :
       {"licence", "license", "code_licence", "weights_licence", "data_licence", "licence_text", "sources"}) {
    const auto found = model.info.card.find(key);
    if (found != model.info.card.end()) text += fmt::format("{}:\n{}\n\n", key, found->second);
  }
  return text.empty() ? "This model file states no licence.\n" : text;
}

}  // namespace

void add_info(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("info", "print the card of a model");
  struct Arguments {
    std::string model, graph;
    bool licence = false;
  };
  auto arguments = std::make_shared<Arguments>();
  verb->add_option("model,-m,--model", arguments->model, "model file or name of an installed model")
      ->type_name("MODEL");
  verb->add_flag("--license,--licence", arguments->licence, "print licences and sources in full");
  verb->add_option("--graph", arguments->graph, "print the graph: dot (GraphViz)")
      ->type_name("dot")
      ->check(CLI::IsMember({"dot"}));
  add_common_options(*verb, context);
  verb->footer(
      "Examples:\n"
      "  unblur info\n"
      "  unblur info unblur-rt --license\n"
      "  unblur info mine.safetensors --graph dot | dot -Tsvg > graph.svg");
  verb->callback([&context, arguments] {
    context.verb = [&context, arguments] {
      const std::filesystem::path file =
          find_model(arguments->model.empty() ? context.settings().text("model") : arguments->model);
      const Model model = read_model(file);
      context.report.update(card_json(model));
      context.report["file"] = file.string();
      context.report["fingerprint"] = fingerprint(file);
      if (arguments->licence) {
        print_data(context, licence_text(model));
      } else if (!arguments->graph.empty()) {
        print_data(context, to_dot(model.graph));
      } else {
        print_data(context, card_text(model) + fmt::format("{:<18} {} ({})\n", "file", file.string(),
                                                           format_bytes(std::filesystem::file_size(file))));
      }
      return ExitCode::kDone;
    };
  });
}

}  // namespace unblur
