// SPDX-License-Identifier: MIT
// The program with the fake backend, so that everything but the network can be tested without Vulkan.
// UNBLUR_FAKE: words of add=N, recurrent, stateless, delay=MS, fail=N, none (no device), dx=PX, dy=PX,
// turn=RADIANS (motion of the trajectories).
//   unblur-fake --write-fake-model FILE | --write-fake-KIND FILE (directed, undirected, recurrent)
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "fake_backend.h"
#include "graph/error.h"
#include "program/program.h"

namespace {

struct Fake {
  unblur::test::FakeOptions options;
  bool none = false;
};

Fake parse_environment() {
  Fake fake;
  const char* text = std::getenv("UNBLUR_FAKE");
  std::istringstream words(text == nullptr ? "" : text);
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    const std::string key = word.substr(0, equals);
    const int value = equals == std::string::npos ? 0 : std::atoi(word.c_str() + equals + 1);
    if (key == "add") fake.options.add = value;
    if (key == "recurrent") fake.options.recurrent = true;
    if (key == "stateless") fake.options.states = false;
    if (key == "delay") fake.options.delay_ms = value;
    if (key == "fail") fake.options.fail_at = value;
    if (key == "none") fake.none = true;
    const float number = equals == std::string::npos ? 0 : std::strtof(word.c_str() + equals + 1, nullptr);
    if (key == "dx") fake.options.dx = number;
    if (key == "dy") fake.options.dy = number;
    if (key == "turn") fake.options.turn = number;
  }
  return fake;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--write-fake-model") == 0) {
    unblur::write_model(argv[2], *unblur::test::make_fake_model());
    return 0;
  }
  for (const char* kind : {"directed", "undirected", "recurrent"}) {
    if (argc == 3 && std::string("--write-fake-") + kind == argv[1]) {
      unblur::write_model(argv[2], *unblur::test::make_fake_trajectory_model(kind));
      return 0;
    }
  }
  const Fake fake = parse_environment();
  unblur::Services services;
  services.open_backend = [fake](const std::string&) {
    if (fake.none) throw unblur::DeviceError("no Vulkan driver found; `unblur doctor` says what is missing");
    return unblur::test::make_fake_backend(fake.options);
  };
  services.list_devices = [fake](const std::string&) {
    if (fake.none) throw unblur::DeviceError("no Vulkan driver found");
    unblur::DeviceRow row;
    row.info = unblur::test::make_fake_backend({})->device();
    row.chosen = true;
    return std::vector{row};
  };
  services.examine = [] { return std::vector<unblur::Finding>{}; };
  services.selftest = [](const std::string&) {
    return std::vector<unblur::SelftestRow>{{"fake", "identity", "fp32", 0, 1e-6, 1, "", false}};
  };
  services.tune = [](const unblur::TuneRequest& request) {
    request.progress(1, 1);
    return std::vector<unblur::TunedRow>{{"in", 2, "slow", "fast", 4, 1}};
  };
  services.tuning_file = [](const std::string&) { return std::filesystem::current_path() / "tuning.json"; };
  return unblur::run_program(argc, argv, services);
}
