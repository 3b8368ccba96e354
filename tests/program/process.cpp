// SPDX-License-Identifier: MIT
#include "process.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

namespace unblur::test {
namespace {

namespace fs = std::filesystem;

void redirect(const fs::path& path, int flags, int to) {
  const int file = ::open(path.c_str(), flags, 0600);
  if (file < 0 || ::dup2(file, to) < 0) ::_exit(126);
}

int next_number() {
  static int number = 0;
  return ++number;
}

}  // namespace

std::string slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

Process::Process(const fs::path& folder, const std::vector<std::string>& command, const Environment& more,
                 const std::string& in) {
  const std::string id = std::to_string(::getpid()) + "-" + std::to_string(next_number());
  out_ = fs::temp_directory_path() / ("unblur-out-" + id);
  err_ = fs::temp_directory_path() / ("unblur-err-" + id);
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("fork failed");
  if (pid_ > 0) return;
  if (::chdir(folder.c_str()) != 0) ::_exit(126);
  redirect(in.empty() ? "/dev/null" : in, O_RDONLY, STDIN_FILENO);
  redirect(out_, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
  redirect(err_, O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
  for (const auto& [name, value] : more) ::setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> arguments;
  for (const std::string& a : command) arguments.push_back(const_cast<char*>(a.c_str()));
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());
  ::_exit(127);
}

Process::~Process() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;
  fs::remove(out_, ignored);
  fs::remove(err_, ignored);
}

void Process::signal(int number) const { ::kill(pid_, number); }

Outcome Process::wait() {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  int status = 0;
  while (::waitpid(pid_, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > end) ::kill(pid_, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  pid_ = -1;
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), slurp(out_), slurp(err_)};
}

Sandbox::Sandbox() {
  folder_ = fs::temp_directory_path() /
            ("unblur-test-" + std::to_string(::getpid()) + "-" + std::to_string(next_number()));
  fs::create_directories(folder_);
  const Outcome made = run({UNBLUR_PROGRAM, "--write-fake-model", "fake.safetensors"});
  if (made.code != 0) throw std::runtime_error("the fake model could not be written: " + made.err);
}

Sandbox::~Sandbox() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

Process::Environment Sandbox::environment(const Process::Environment& more) const {
  // Nothing of the machine's own configuration may reach the program.
  Process::Environment all{{"UNBLUR_MODEL", (folder_ / "fake.safetensors").string()},
                           {"XDG_CONFIG_HOME", (folder_ / "config").string()},
                           {"XDG_CONFIG_DIRS", (folder_ / "system").string()},
                           {"XDG_DATA_HOME", (folder_ / "data").string()}};
  for (const auto& [name, value] : more) all[name] = value;
  return all;
}

std::vector<std::string> Sandbox::unblur_command(const std::vector<std::string>& arguments) const {
  std::vector<std::string> command{UNBLUR_PROGRAM};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

Outcome Sandbox::unblur(const std::vector<std::string>& arguments, const Process::Environment& more,
                        const std::string& in) const {
  return Process(folder_, unblur_command(arguments), environment(more), in).wait();
}

Outcome Sandbox::run(const std::vector<std::string>& command) const {
  return Process(folder_, command).wait();
}

}  // namespace unblur::test
