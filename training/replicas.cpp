// SPDX-License-Identifier: MIT
#include "replicas.h"

#include <ATen/Parallel.h>

#include <algorithm>

namespace unblur {

Replicas::Replicas(int count) {
  for (int i = 1; i < count; ++i) threads_.emplace_back([this, n = at::get_num_threads()] { serve(n); });
}

Replicas::~Replicas() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void Replicas::serve(int torch_threads) {
  at::set_num_threads(torch_threads);  // OpenMP counts per thread
  while (true) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || next_ < items_; });
      if (stopping_) return;
    }
    take_items();
  }
}

void Replicas::take_items() {
  std::unique_lock lock(mutex_);
  while (next_ < items_) {
    const std::int64_t mine = next_++;
    const auto* work = work_;
    lock.unlock();
    std::exception_ptr failure;
    try {
      (*work)(mine);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    failures_[static_cast<std::size_t>(mine)] = failure;
    if (++done_ == items_) changed_.notify_all();
  }
}

void Replicas::run(std::int64_t items, const std::function<void(std::int64_t)>& work) {
  {
    const std::lock_guard lock(mutex_);
    work_ = &work;
    next_ = done_ = 0;
    failures_.assign(static_cast<std::size_t>(items), nullptr);
    items_ = items;
  }
  changed_.notify_all();
  take_items();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return done_ == items_; });
  items_ = next_ = 0;
  const auto failed =
      std::find_if(failures_.begin(), failures_.end(), [](const auto& f) { return f != nullptr; });
  if (failed != failures_.end()) std::rethrow_exception(*failed);
}

}  // namespace unblur
