// SPDX-License-Identifier: MIT
// Threads that work side by side on parts of a batch or on clips, each with LibTorch's own threads. The small
// operators of our networks do not scale over threads; whole parts do.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace unblur {

class Replicas {
 public:
  /// `count` workers, the caller's thread among them. The others take over the number of LibTorch's threads
  /// that is set where this is constructed.
  explicit Replicas(int count = 1);
  ~Replicas();
  Replicas(const Replicas&) = delete;
  Replicas& operator=(const Replicas&) = delete;

  [[nodiscard]] int count() const noexcept { return static_cast<int>(threads_.size()) + 1; }

  /// work(0) to work(items - 1), each once, in any order and on any thread; returns when all are done. If
  /// some threw, rethrows what the first of them by number threw. Not to be called from within `work`.
  void run(std::int64_t items, const std::function<void(std::int64_t)>& work);

 private:
  void serve(int torch_threads);
  void take_items();

  std::mutex mutex_;
  std::condition_variable changed_;
  const std::function<void(std::int64_t)>* work_ = nullptr;
  std::int64_t items_ = 0, next_ = 0, done_ = 0;
  std::vector<std::exception_ptr> failures_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace unblur
