// SPDX-License-Identifier: MIT
#include "fixture.h"

#include <gtest/gtest.h>

namespace unblur::vk::test {
namespace {

std::shared_ptr<Pipelines>& pipeline_slot() {
  static std::shared_ptr<Pipelines> slot;
  return slot;
}
std::shared_ptr<Device>& device_slot() {
  static std::shared_ptr<Device> slot;
  return slot;
}

class FailOnValidationMessage : public testing::EmptyTestEventListener {
  void OnTestEnd(const testing::TestInfo& /*info*/) override {
    const std::size_t count = shared_instance()->validation_messages().size();
    if (count > seen_) ADD_FAILURE() << count - seen_ << " validation messages, see above";
    seen_ = count;
  }
  std::size_t seen_ = 0;
};

/// Keeps the instance (and its messages) alive over all tests and destroys device before instance.
class Lifetime : public testing::Environment {
  void SetUp() override { instance_ = shared_instance(); }
  void TearDown() override {
    pipeline_slot().reset();
    device_slot().reset();
    EXPECT_TRUE(instance_->validation_messages().empty()) << "validation messages during tear-down";
    instance_.reset();
  }
  std::shared_ptr<Instance> instance_;
};

}  // namespace

const std::shared_ptr<Device>& device() {
  if (!device_slot()) device_slot() = Device::open();
  return device_slot();
}

const std::shared_ptr<Pipelines>& shared_pipelines() {
  if (!pipeline_slot()) pipeline_slot() = std::make_shared<Pipelines>(device());
  return pipeline_slot();
}

}  // namespace unblur::vk::test

#ifdef UNBLUR_KEEP_LIBRARIES
// LeakSanitizer runs last and names leaks by module (tests/lsan.supp); of an unloaded driver it knows none.
extern "C" int dlclose(void* /*handle*/) { return 0; }
#endif

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  testing::AddGlobalTestEnvironment(new unblur::vk::test::Lifetime);
  testing::UnitTest::GetInstance()->listeners().Append(new unblur::vk::test::FailOnValidationMessage);
  return RUN_ALL_TESTS();
}
