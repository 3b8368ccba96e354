// SPDX-License-Identifier: MIT
// The interface between the frame pipeline and whatever computes a graph: Vulkan (runtime/vulkan) or
// LibTorch (cuda/, a shared library loaded at run time). The pipeline knows nothing else.
//
//   auto session = backend.bind(model, {.format = frame.format});
//   session->submit(frame, window);   // returns at once where the backend can overlap
//   Result r = session->receive();    // in submission order
//
// Thread-safety: a Backend may be used from several threads; a Session by one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/frame.h"
#include "graph/model.h"

namespace unblur {

class ObservedPlan;  // graph/observed.h

/// Storage; sums are fp32 everywhere. kBf16: LibTorch alone.
enum class Precision : std::uint8_t { kAuto, kFp32, kFp16, kBf16 };

struct DeviceInfo {
  std::string name;    ///< "llvmpipe (LLVM 15.0.6, 256 bits)"
  std::string driver;  ///< "llvmpipe Mesa 25.0.7"
  std::string uuid;    ///< 32 hex digits, empty where unknown
  std::string api;     ///< "Vulkan 1.4", "LibTorch 2.11.0"
  std::string type;    ///< discrete, integrated, virtual, cpu
  std::uint64_t memory_bytes = 0;
  bool fp16_storage = false;
};

struct BindOptions {
  FrameFormat format;  ///< of every frame that will be submitted
  Precision precision = Precision::kAuto;
  std::uint64_t memory_limit = 0;          ///< bytes of device memory for the plan; 0 = what the device has
  float strength = 1.0F;                   ///< 0 to 1, share of the correction that is applied
  std::vector<std::string> named_outputs;  ///< graph outputs that `Result::outputs` shall hold
  bool time_nodes = false;                 ///< fill Result::times
  bool poison = false;  ///< scratch memory holds NaN before every frame: nothing may be read unwritten
};

/// What a plan will use, known before anything runs (`--dry-run`).
struct PlanReport {
  std::uint64_t weight_bytes = 0, activation_bytes = 0, state_bytes = 0, io_bytes = 0;
  int strips = 1;  ///< largest number of row strips of any stretch; 1 = whole frames
  int dispatches = 0;
  std::int64_t multiply_adds = 0;
  std::vector<std::string> kernels;  ///< one line per kernel: nodes covered, kernel, reason
  std::string precision;             ///< "fp32", "fp16", "fp16 packed"
  [[nodiscard]] std::uint64_t total_bytes() const noexcept {
    return weight_bytes + activation_bytes + state_bytes + io_bytes;
  }
};

struct NodeTime {
  std::string name;  ///< node name, or "upload", "download", "colour"
  std::string kernel;
  double ms = 0;
};

/// A named output as planar float32 [c,h,w], cropped to the frame at the output's own scale.
struct NamedOutput {
  std::string name;
  Shape shape;
  std::vector<float> values;
};

struct Result {
  Frame frame;  ///< restored, same format as submitted; as submitted where the graph has no output "frame"
  std::vector<NamedOutput> outputs;  ///< BindOptions::named_outputs
  std::vector<NodeTime> times;
  double gpu_ms = 0;          ///< whole frame on the device; 0 where unknown
  bool retried_fp32 = false;  ///< the guard had to run this frame again
};

/// A graph bound to a device, a frame size and a precision. All memory is allocated by `bind`.
class Session {
 public:
  virtual ~Session() = default;
  /// Forgets the past: the next frame is a first frame (open, scene cut, seek, ...).
  virtual void reset() = 0;
  /// Queues one frame. `window` holds the frames that op::Input nodes ask for, by frame offset:
  /// window[i] belongs to offset min_offset() + i, and window[-min_offset()] is the frame restored.
  /// Blocks only while `max_in_flight()` frames are queued. Throws ProcessingError, MemoryError.
  virtual void submit(std::span<const Frame* const> window) = 0;
  /// The oldest submitted frame, waiting for it. A frame with NaN, Inf (named outputs included) or a flat
  /// output is run once more in fp32 from the kept previous state; if that fails too: ProcessingError.
  virtual Result receive() = 0;
  /// The recurrent states after the last received frame, so that an interrupted run can go on exactly there;
  /// empty where the backend cannot tell. Nothing may be in flight.
  [[nodiscard]] virtual TensorMap save_states() { return {}; }
  /// Instead of `reset`: the next frame follows on saved states of the same binding. False where it cannot.
  virtual bool load_states(const TensorMap& /*states*/) { return false; }
  [[nodiscard]] virtual int in_flight() const = 0;
  [[nodiscard]] virtual int max_in_flight() const = 0;
  [[nodiscard]] virtual int min_offset() const = 0;  ///< <= 0
  [[nodiscard]] virtual int max_offset() const = 0;  ///< >= 0
  [[nodiscard]] virtual const PlanReport& report() const = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  [[nodiscard]] virtual const DeviceInfo& device() const = 0;
  /// Plans, allocates and compiles. Throws ModelError, MemoryError (naming the bytes needed), DeviceError.
  virtual std::unique_ptr<Session> bind(std::shared_ptr<const Model> model, const BindOptions& options) = 0;
  /// The report alone; allocates no device memory.
  virtual PlanReport plan(const Model& model, const BindOptions& options) = 0;

  /// Runs a graph once on raw planar float tensors, states at their initial values unless given, for tests,
  /// golden cases and comparisons. `inputs`: by op::Input name [n,c,h,w]; sizes must suit the graph as they
  /// are (no padding). `states`: by state name; updated to the next values. Returns all graph outputs by
  /// name.
  virtual TensorMap run_tensors(const Model& model, const TensorMap& inputs, TensorMap* states,
                                Precision precision) = 0;

  /// The plan layer by layer, for frames of that size (no padding). `fuse` false: a kernel per node. Throws
  /// UsageError where the backend has no such plan.
  virtual std::unique_ptr<ObservedPlan> observe(std::shared_ptr<const Model> model, int height, int width,
                                                Precision precision, bool fuse);
};

/// Entry point of the LibTorch executor library `libunblur_torch.so`, found beside the program or by the
/// loader. `device`: "cpu", "cuda", "cuda:N". Throws DeviceError if the library or device is absent.
[[nodiscard]] std::unique_ptr<Backend> load_torch_backend(const std::string& device);
/// The same question without the error: the reason it cannot be loaded, or nothing.
[[nodiscard]] std::optional<std::string> torch_backend_missing();

}  // namespace unblur
