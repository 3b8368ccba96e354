// SPDX-License-Identifier: MIT
// golden_runner cpu | torch | vulkan | vulkan-fp16
// Roots come from UNBLUR_GOLDEN (several separated by ':'), else the copies in tests/golden.
#include <fmt/format.h>

#include <cstdlib>
#include <iostream>

#include "executors.h"
#include "golden.h"

namespace {

std::vector<std::filesystem::path> roots() {
  const char* variable = std::getenv("UNBLUR_GOLDEN");
  const std::string text = variable != nullptr && *variable != '\0' ? variable : UNBLUR_GOLDEN_COPIES;
  std::vector<std::filesystem::path> result;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(':', begin), text.size());
    if (end > begin) result.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace unblur::golden;
  try {
    const std::string name = argc == 2 ? argv[1] : "";
    if (name == "cpu") return run_golden(roots(), Runner::kCpu, nullptr, std::cout) == 0 ? 0 : 1;
    if (name == "torch" || name == "vulkan" || name == "vulkan-fp16") {
      const Runner runner = name == "torch"    ? Runner::kTorch
                            : name == "vulkan" ? Runner::kVulkan
                                               : Runner::kVulkanHalf;
      const Executor executor = open_executor(runner);
      std::cout << fmt::format("{}, {}\n", executor.backend->device().name,
                               executor.backend->device().driver);
      int failures = run_golden(roots(), runner, executor.backend.get(), std::cout);
      if (const int messages = executor.validation_messages(); messages > 0) {
        std::cout << fmt::format("FAILED  {} validation messages\n", messages);
        ++failures;
      }
      return failures == 0 ? 0 : 1;
    }
    std::cerr << "usage: golden_runner cpu | torch | vulkan | vulkan-fp16\n";
    return 2;
  } catch (const std::exception& e) {
    std::cerr << "golden_runner: error: " << e.what() << '\n';
    return 1;
  }
}
