// SPDX-License-Identifier: MIT
// unblur-convert: checkpoint to model file, and what is inside such files.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <new>

#include "checkpoint.h"
#include "graph/error.h"
#include "import.h"
#include "report.h"
#include "verify.h"

namespace unblur {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr const char* kExamples = R"(
Examples:
  unblur-convert run/checkpoint.safetensors -o unblur-rt.safetensors
  unblur-convert run/checkpoint.safetensors -o small.safetensors --fp16 --verify=require
  unblur-convert run/checkpoint.safetensors --check
  unblur-convert PVDNet_nah.pytorch -o pvdnet.safetensors
  unblur-convert inspect PVDNet_nah.pytorch
  unblur-convert tensors any.pth -o plain.safetensors
  unblur-convert diff old.safetensors new.safetensors

Exit codes: 0 done, 1 failed, 2 usage, 3 nothing to verify on (--verify=require), 4 input unreadable,
5 model unreadable or unsupported, 6 outside tolerance or files differ.)";

struct Options {
  bool json = false, quiet = false, overwrite = false, half = false, check = false;
  std::string verify = "auto", network;
  fs::path input, second, output, frame;
  std::vector<std::string> outputs{"frame"};
};

/// What every command returns: JSON for --json, text for people, and an exit code (6: files differ).
struct Outcome {
  Json json = Json::object();
  std::string text;
  ExitCode code = ExitCode::kDone;
};

/// A file that is removed again unless `keep` gave it its name.
class Candidate {
 public:
  explicit Candidate(const fs::path& output) : output_(output), part_(output) { part_ += ".part"; }
  Candidate(const Candidate&) = delete;
  Candidate& operator=(const Candidate&) = delete;
  ~Candidate() {
    std::error_code ignored;
    fs::remove(part_, ignored);
  }
  [[nodiscard]] const fs::path& part() const { return part_; }
  void keep() const {
    std::error_code error;
    fs::rename(part_, output_, error);
    if (error) throw ProcessingError(fmt::format("{}: cannot rename: {}", output_.string(), error.message()));
  }

 private:
  fs::path output_, part_;
};

void check_output(const Options& o) {
  if (o.output.empty()) throw UsageError("an output file is needed: -o MODEL");
  if (fs::exists(o.output) && !o.overwrite) {
    throw UsageError(fmt::format("{} exists; -y overwrites it", o.output.string()));
  }
  if (std::error_code ignored; fs::equivalent(o.input, o.output, ignored)) {
    throw UsageError("the output would overwrite the input");
  }
}

Verification verify(const Options& o, const fs::path& model) {
  if (o.verify == "off") return {false, "switched off"};
  Verification result = verify_model(model, o.frame);
  if (!result.verified && o.verify == "require") {
    throw DeviceError(fmt::format("not verified: {}", result.detail));
  }
  return result;
}

Outcome convert(const Options& o) {
  if (!o.check) check_output(o);
  Converted converted = read_checkpoint(o.input, o.network);
  Model& model = converted.model;
  check_finite(model);
  Outcome outcome;
  outcome.json = {{"input", o.input.string()},
                  {"kind", converted.kind},
                  {"model", model.info.name},
                  {"unused", converted.unused},
                  {"report", operator_report(model)}};
  outcome.text = fmt::format("{}: {} of {}\n{}", o.input.string(), converted.kind, model.info.name,
                             operator_table(outcome.json["report"]));
  if (o.half) {
    const double error = convert_to_half(model);
    outcome.json["largest_weight_rounding"] = error;
    outcome.text += fmt::format("weights as float16, largest rounding {:.3g}\n", error);
  }
  if (o.check) return outcome;

  const Candidate candidate(o.output);
  write_model(candidate.part(), model);
  const Verification verification = verify(o, candidate.part());
  candidate.keep();
  outcome.json["output"] = o.output.string();
  outcome.json["verified"] = verification.verified;
  outcome.json["verification"] = verification.detail;
  outcome.text += verification.verified
                      ? verification.detail + "\nverified: Vulkan computes what LibTorch computes\n"
                      : fmt::format("not verified: {}\n", verification.detail);
  outcome.text += fmt::format("wrote {} ({} bytes)\n", o.output.string(), fs::file_size(o.output));
  return outcome;
}

Outcome inspect(const Options& o) {
  Outcome outcome;
  const Contents contents = read_contents(o.input);
  const SafeTensors& file = contents.file;
  outcome.json = contents_report(file);
  outcome.json["container"] = contents.container;
  outcome.json["prefix"] = common_prefix(file.tensors);
  outcome.text = fmt::format("{}, prefix '{}'\n{}", contents.container, common_prefix(file.tensors),
                             contents_text(outcome.json));
  if (file.metadata.contains("unblur_format") || is_training_checkpoint(file)) {
    outcome.json["report"] = operator_report(read_checkpoint(o.input).model);
    outcome.text += operator_table(outcome.json["report"]);
  } else if (const NetworkMatch match = match_network(file.tensors); !match.network.empty()) {
    outcome.json["network"] = {{"name", match.network}, {"prefix", match.prefix}, {"wrong", match.wrong}};
    outcome.text +=
        fmt::format("weights of {}, {} fit, prefix '{}'\n", match.network, match.fitting, match.prefix);
    for (const std::string& wrong : match.wrong) outcome.text += fmt::format("  {}\n", wrong);
  }
  return outcome;
}

Outcome tensors(const Options& o) {
  check_output(o);
  const Contents contents = read_contents(o.input);
  write_safetensors(o.output, contents.file);
  Outcome outcome;
  outcome.json = {{"output", o.output.string()}, {"tensors", contents.file.tensors.size()}};
  outcome.text = fmt::format("wrote {} ({} tensors, {} bytes)\n", o.output.string(),
                             contents.file.tensors.size(), fs::file_size(o.output));
  return outcome;
}

Outcome diff(const Options& o) {
  Outcome outcome;
  outcome.json = difference_report(read_contents(o.input).file, read_contents(o.second).file);
  outcome.text = difference_text(outcome.json);
  if (!outcome.json["same"].get<bool>()) outcome.code = ExitCode::kOutsideTolerance;
  return outcome;
}

Outcome strip(const Options& o) {
  check_output(o);
  const Model model = keep_outputs(read_checkpoint(o.input).model, o.outputs);
  write_model(o.output, model);
  Outcome outcome;
  outcome.json = {{"output", o.output.string()}, {"report", operator_report(model)}};
  outcome.text = operator_table(outcome.json["report"]) +
                 fmt::format("wrote {} ({} bytes)\n", o.output.string(), fs::file_size(o.output));
  return outcome;
}

/// One JSON object, or text; errors always as one line on stderr.
int report(const Options& o, Outcome outcome, const char* error) {
  if (error != nullptr) std::fputs(fmt::format("unblur: error: {}\n", error).c_str(), stderr);
  if (o.json) {
    Json& j = outcome.json;
    j["schema"] = 1;
    j["tool"] = "unblur-convert";
    j["version"] = UNBLUR_VERSION;
    j["device"] = nullptr;
    j["ok"] = outcome.code == ExitCode::kDone;
    j["error"] = error != nullptr ? Json(error) : Json(nullptr);
    std::fputs((j.dump(2, ' ', false, Json::error_handler_t::replace) + "\n").c_str(), stdout);
  } else if (!o.quiet) {
    std::fputs(outcome.text.c_str(), stdout);
  }
  return static_cast<int>(outcome.code);
}

using Command = Outcome (*)(const Options&);

int run_command(Command command, const Options& o) {
  try {
    return report(o, command(o), nullptr);
  } catch (const Error& error) {
    return report(o, {.code = error.code()}, error.what());
  } catch (const std::bad_alloc&) {
    return report(o, {.code = ExitCode::kOutOfMemory}, "out of memory");
  } catch (const std::exception& error) {
    return report(o, {.code = ExitCode::kProcessingFailed}, error.what());
  }
}

void define_conversion(CLI::App& app, Options& o) {
  app.set_version_flag("-V,--version", "unblur-convert " UNBLUR_VERSION);
  app.footer(kExamples);
  app.fallthrough();  // --json, -q, -o and -y may stand behind a subcommand too
  app.add_option("CHECKPOINT", o.input,
                 "Checkpoint of PyTorch or unblur-train, safetensors, or a model file");
  app.add_option("--network", o.network,
                 "Network that a foreign checkpoint holds; found by names and shapes");
  app.add_option("-o,--output", o.output, "Model file to write");
  app.add_flag("-y,--yes", o.overwrite, "Overwrite the output");
  app.add_flag("--fp16", o.half, "Store weights as float16");
  app.add_flag("--check", o.check, "Report operators and weights; write nothing");
  app.add_option("--verify", o.verify,
                 "Compare Vulkan with LibTorch (unblur-compare) before the file gets its name")
      ->check(CLI::IsMember({"auto", "require", "off"}))
      ->capture_default_str();
  app.add_option("--input", o.frame, "Picture or video to verify on; generated frames by default");
  app.add_flag("--json", o.json, "One JSON object on stdout");
  app.add_flag("-q,--quiet", o.quiet, "Print errors only");
}

/// The subcommands; converting is what the program does without one.
void define_commands(CLI::App& app, Options& o, Command& command) {
  CLI::App* inspect_command =
      app.add_subcommand("inspect", "Print metadata, tensors and operators of a file");
  inspect_command->add_option("FILE", o.input, "Checkpoint of any kind, or a model file")->required();
  inspect_command->callback([&command] { command = inspect; });

  CLI::App* tensors_command =
      app.add_subcommand("tensors", "Write the tensors of any checkpoint as plain safetensors (-o FILE)");
  tensors_command->add_option("FILE", o.input)->required();
  tensors_command->callback([&command] { command = tensors; });

  CLI::App* diff_command = app.add_subcommand("diff", "Compare two files; exit 6 if they differ");
  diff_command->add_option("A", o.input)->required();
  diff_command->add_option("B", o.second)->required();
  diff_command->callback([&command] { command = diff; });

  CLI::App* strip_command = app.add_subcommand("strip", "Keep only what some outputs need (-o MODEL)");
  strip_command->add_option("MODEL", o.input)->required();
  strip_command->add_option("--outputs", o.outputs, "Names, separated by commas")
      ->delimiter(',')
      ->capture_default_str();
  strip_command->callback([&command] { command = strip; });
  app.require_subcommand(0, 1);
}

int usage_error(const std::string& message) {
  std::fputs(fmt::format("unblur: error: {}\n", message).c_str(), stderr);
  return static_cast<int>(ExitCode::kUsage);
}

int program(int argc, char** argv) {
  Options options;
  Command command = convert;
  CLI::App app{"Turns a training checkpoint into a model file, and shows what is inside such files.",
               "unblur-convert"};
  define_conversion(app, options);
  define_commands(app, options, command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& request) {  // --help, --version
    return app.exit(request);
  } catch (const CLI::ParseError& error) {
    return usage_error(fmt::format("{}; see unblur-convert --help", error.what()));
  }
  if (options.input.empty()) return usage_error("a checkpoint is needed; see unblur-convert --help");
  return run_command(command, options);
}

}  // namespace
}  // namespace unblur

// Only setting the options up could throw, and only for want of memory.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) { return unblur::program(argc, argv); }
