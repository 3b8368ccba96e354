// SPDX-License-Identifier: MIT
#include "vulkan/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include "graph/error.h"
#include "vulkan/environment.h"
#include "vulkan/fault.h"
#include "vulkan/layout.h"
#include "vulkan/passes.h"
#include "vulkan/schedule.h"

namespace unblur::vk {
namespace {

std::uint64_t align_up(std::uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

/// Values that feed states are written to the state's memory where they have a buffer of their own that no
/// other state claims; else a copy is appended. Returns the value that lies in each state's next memory.
std::vector<Value> claim_feeds(Lowered& graph, const std::vector<StateFeed>& feeds) {
  std::vector<Value> homes;
  for (const StateFeed& feed : feeds) {
    Value v = graph.resolve(feed.value);
    const bool taken = std::ranges::find(homes, v) != homes.end();
    if (taken || std::holds_alternative<op::State>(graph.at(v).op)) {
      const Value copy{static_cast<std::int32_t>(graph.nodes.size())};
      const Shape shape = graph.shape(v);
      graph.nodes.push_back(
          {graph.at(v).name + ".kept", op::Slice{0, shape.c}, {}, {v}, {copy}, nullptr, true});
      graph.shapes.push_back(shape);
      graph.same_as.push_back(copy);
      graph.placement.push_back({copy, 0});
      graph.pinned.push_back(copy);
      v = copy;
    }
    homes.push_back(v);
  }
  return homes;
}

std::int64_t multiply_adds_of(const Lowered& graph, Value v) {
  const LoweredNode& node = graph.at(v);
  const Shape& out = graph.shape(v);
  const std::int64_t samples = static_cast<std::int64_t>(out.c) * out.h * out.w;
  if (node.inputs.empty()) return 0;
  const Shape& in = graph.shape(node.inputs[0]);
  if (const auto* conv = std::get_if<op::Conv2d>(&node.op)) {
    return samples * (in.c / conv->groups) * conv->kernel.h * conv->kernel.w;
  }
  if (const auto* conv = std::get_if<op::ConvTranspose2d>(&node.op)) {
    return static_cast<std::int64_t>(in.c) * in.h * in.w * (conv->out_channels / conv->groups) *
           conv->kernel.h * conv->kernel.w;
  }
  if (const auto* conv = std::get_if<op::DeformConv2d>(&node.op)) {
    return samples * (in.c / conv->groups) * conv->kernel.h * conv->kernel.w;
  }
  if (std::holds_alternative<op::Correlation>(node.op)) return samples * in.c;
  return 0;
}

/// Dispatches stay below 100 ms on the slowest device: 2 G multiply-adds/s on a CPU with one core to spare,
/// 30 G on the weakest GPU. Operators without multiplications count as 8 per sample.
int rows_per_dispatch(const PlannedStep& step, bool cpu) {
  const TensorView& out = step.step.output;
  const double cost = static_cast<double>(step.multiply_adds) + 8.0 * out.c * out.h * out.w;
  const double budget = cpu ? 2e8 : 3e9;
  const int pieces = std::max(1, static_cast<int>(cost / budget + 1.0));
  const int unit = step.step.epilogue.shuffle;
  const int rows = (out.h + pieces - 1) / pieces;
  return std::max(unit, (rows + unit - 1) / unit * unit);
}

/// UNBLUR_KERNEL: a convolution family for all nodes ("conv_direct") or for some
/// ("in=conv_tile,out=conv_small").
std::string forced_family(const std::string& node) {
  std::stringstream list(environment_text("UNBLUR_KERNEL"));
  std::string everywhere;
  for (std::string item; std::getline(list, item, ',');) {
    const std::size_t equals = item.find('=');
    if (equals == std::string::npos) {
      everywhere = item;
    } else if (item.compare(0, equals, node) == 0 && equals == node.size()) {
      return item.substr(equals + 1);
    }
  }
  return everywhere;
}

/// The fault hook's wrong kernel where there is no epilogue to spoil: the lower half is never written.
void leave_rows_out(Kernel& kernel) {
  kernel.dispatch = [right = kernel.dispatch](int y0, int y1) { return right(y0, y0 + (y1 - y0) / 2); };
}

class Planner {
 public:
  explicit Planner(const PlanRequest& request) : request_(request) {
    plan_.storage = request.storage;
    lower_graph();
    order_ = steps_in_order(plan_.graph);
    make_steps();
  }

  /// Lays out everything for that many strips.
  void lay_out(int strips) {
    plan_.strips = strips;
    find_schedule();
    find_residences();
    make_runs();
  }

  [[nodiscard]] std::uint64_t bytes() const { return plan_.weight_bytes + plan_.arena_bytes; }
  [[nodiscard]] int most_strips() const { return std::max(1, request_.height / 16); }
  [[nodiscard]] Plan take() && { return std::move(plan_); }

 private:
  void lower_graph() {
    std::vector<Value> targets = request_.outputs;
    for (const StateFeed& feed : request_.feeds) targets.push_back(feed.value);
    Lowered& graph = plan_.graph;
    graph =
        lower(*request_.model, infer_shapes(request_.model->graph, request_.height, request_.width), targets);
    drop_no_ops(graph);
    feed_homes_ = claim_feeds(graph, request_.feeds);
    run_passes(graph, request_.fuse);
    for (const Value v : request_.outputs) plan_.outputs.push_back(graph.resolve(v));
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      if (graph.nodes[i].alive && std::holds_alternative<op::Input>(graph.nodes[i].op)) {
        plan_.inputs.push_back({static_cast<std::int32_t>(i)});
      }
    }
  }

  /// What the environment asks for at this node, else what the caller asks for of this operator where that
  /// kernel can compute it, else the rule.
  Kernel choose_kernel(const Step& step) {
    const PhysicalDevice& device = *request_.device;
    const std::string forced = forced_family(step.name);
    const auto wanted = device.kernels.find(std::string(op_name(step.op)));
    if (forced.empty() && wanted != device.kernels.end()) {
      try {
        Kernel kernel = make_kernel(step, device.caps, wanted->second);
        obeyed_.insert(wanted->first);
        return kernel;
      } catch (const ModelError& e) {
        refused_[wanted->first] = e.what();
      }
    }
    return make_kernel(step, device.caps, forced);
  }

  void make_steps() {
    const Lowered& graph = plan_.graph;
    for (const Value v : order_) {
      const LoweredNode& node = graph.at(v);
      PlannedStep planned;
      planned.step = {node.name,       node.covers,  node.op, node.epilogue, {}, graph.view(v, plan_.storage),
                      node.parameters, plan_.storage};
      for (const Value operand : node.inputs) {
        planned.step.inputs.push_back(graph.view(operand, plan_.storage));
      }
      const bool wrong_kernel = fault_at_node("wrong-kernel", node.name);
      if (wrong_kernel) planned.step.epilogue.post_activation = op::Unary{op::UnaryKind::kNeg};
      planned.operands = node.inputs;
      planned.output = v;
      planned.multiply_adds = multiply_adds_of(graph, v);
      planned.kernel = choose_kernel(planned.step);
      if (wrong_kernel && !is_convolution(node.op)) leave_rows_out(planned.kernel);
      std::vector<std::byte>& weights = planned.kernel.weights;
      if (fault_at_node("wrong-weight", node.name)) std::ranges::fill(weights, std::byte{});
      planned.weight_offset = place_weights(weights);
      plan_.multiply_adds += planned.multiply_adds;
      plan_.steps.push_back(std::move(planned));
    }
    for (const auto& [name, reason] : refused_) {
      if (!obeyed_.contains(name)) throw UsageError(reason);
    }
  }

  /// Steps that share parameters, as patches of one picture do, share packed weights.
  std::uint64_t place_weights(const std::vector<std::byte>& weights) {
    for (const PlannedStep& step : plan_.steps) {
      if (!weights.empty() && step.kernel.weights == weights) return step.weight_offset;
    }
    plan_.weight_bytes += align_up(weights.size());
    return plan_.weight_bytes - align_up(weights.size());
  }

  [[nodiscard]] Value root(Value v) const { return plan_.graph.root(v).parent; }

  /// Phases (one where there are no strips) and dependency levels: a step of a level reads nothing that the
  /// same level writes. Level 0 belongs to the inputs.
  void find_schedule() {
    const Lowered& graph = plan_.graph;
    phases_ = find_phases(graph, order_);
    if (plan_.strips == 1) {
      phases_.whole.assign(graph.nodes.size(), false);
      phases_.phase.assign(graph.nodes.size(), 0);
      phases_.count = 1;
    }
    for (PlannedStep& step : plan_.steps) step.phase = phases_.phase[index_of(step.output)];
    std::ranges::stable_sort(plan_.steps, {}, &PlannedStep::phase);

    int level = 0;
    int phase = -1;
    std::vector<int> written(graph.nodes.size(), -1);  // level that last wrote a root
    first_level_.assign(static_cast<std::size_t>(phases_.count) + 1, 0);
    for (PlannedStep& step : plan_.steps) {
      bool next = step.phase != phase;
      for (const Value operand : step.operands) {
        next = next || written[index_of(root(operand))] == level;
      }
      if (next) ++level;
      if (step.phase != phase) first_level_[static_cast<std::size_t>(phase = step.phase)] = level;
      step.level = level;
      written[index_of(root(step.output))] = level;
    }
    first_level_.back() = level + 1;  // that of the outputs
  }

  /// The levels during which each root must keep its memory.
  [[nodiscard]] std::vector<Lifetime> find_lifetimes() const {
    std::vector<Lifetime> lives(plan_.graph.nodes.size(), Lifetime{0, 1, 0});
    const auto touch = [&](Value v, int first, int last) {
      Lifetime& life = lives[index_of(root(v))];
      life = life.first > life.last ? Lifetime{0, first, last}
                                    : Lifetime{0, std::min(life.first, first), std::max(life.last, last)};
    };
    const auto touch_step = [&](Value v, const PlannedStep& step) {
      const auto p = static_cast<std::size_t>(step.phase);
      // Whole values fill up, and are read, strip by strip: during the whole phase.
      const bool whole = phases_.whole[index_of(root(v))];
      touch(v, whole ? first_level_[p] : step.level, whole ? first_level_[p + 1] - 1 : step.level);
    };
    for (const Value v : plan_.inputs) touch(v, 0, 0);
    for (const PlannedStep& step : plan_.steps) {
      touch_step(step.output, step);
      for (const Value operand : step.operands) touch_step(operand, step);
    }
    for (const Value v : plan_.outputs) touch(v, first_level_.back(), first_level_.back());
    return lives;
  }

  void find_residences() {
    const Lowered& graph = plan_.graph;
    find_strip_rows();
    std::vector<Residence>& homes = plan_.residences;
    homes.assign(graph.nodes.size(), {});
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      const auto* state = std::get_if<op::State>(&graph.nodes[i].op);
      if (state == nullptr || !graph.nodes[i].alive) continue;
      const auto states = request_.model->graph.states();
      const auto found = std::ranges::find(states, state->name, &StateSpec::name);
      homes[i].home = Home::kStateRead;
      homes[i].state = static_cast<int>(found - states.begin());
    }
    for (std::size_t i = 0; i < feed_homes_.size(); ++i) {
      Residence& home = homes[index_of(graph.resolve(feed_homes_[i]))];
      home.home = Home::kStateNext;
      home.state = request_.feeds[i].state;
    }
    std::vector<Lifetime> lives = find_lifetimes();
    std::vector<Lifetime> arena;
    std::vector<std::size_t> owner;
    for (std::size_t i = 0; i < homes.size(); ++i) {
      if (lives[i].first > lives[i].last) continue;
      homes[i].used = true;
      const TensorView view = graph.view({static_cast<std::int32_t>(i)}, plan_.storage);
      const int rows = capacity_[i] > 0 ? capacity_[i] : view.h;
      homes[i].bytes = row_bytes(view) * static_cast<std::uint64_t>(rows);
      if (homes[i].home != Home::kArena) continue;
      lives[i].bytes = homes[i].bytes;
      arena.push_back(lives[i]);
      owner.push_back(i);
    }
    const MemoryPlan memory =
        plan_memory(arena, kAlignment, request_.device->limits.max_allocation, request_.share_memory);
    for (std::size_t i = 0; i < owner.size(); ++i) homes[owner[i]].offset = memory.offsets[i];
    plan_.arena_bytes = memory.bytes;
  }

  /// rows_[phase][strip][root], and the most rows that a root which is not whole ever holds.
  void find_strip_rows() {
    const Lowered& graph = plan_.graph;
    capacity_.assign(graph.nodes.size(), 0);
    rows_.assign(static_cast<std::size_t>(phases_.count), {});
    if (plan_.strips == 1) {
      std::vector<Range> all(graph.nodes.size());
      for (std::size_t i = 0; i < all.size(); ++i) all[i] = {0, graph.shapes[i].h};
      rows_[0].push_back(std::move(all));
      return;
    }
    for (int p = 0; p < phases_.count; ++p) {
      for (int s = 0; s < plan_.strips; ++s) {
        std::vector<Range> rows = strip_rows(graph, order_, phases_, p, s, plan_.strips);
        for (std::size_t i = 0; i < rows.size(); ++i) {
          if (!phases_.whole[i]) capacity_[i] = std::max(capacity_[i], rows[i].end - rows[i].begin);
        }
        rows_[static_cast<std::size_t>(p)].push_back(std::move(rows));
      }
    }
  }

  void make_runs() {
    plan_.runs.clear();
    int level = 0;
    for (int p = 0; p < phases_.count; ++p) {
      for (const std::vector<Range>& rows : rows_[static_cast<std::size_t>(p)]) {
        bool strip_begins = true;
        for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
          if (plan_.steps[i].phase != p) continue;
          // A new strip overwrites what the one before it read.
          const bool barrier = strip_begins || plan_.steps[i].level != level;
          if (add_runs(static_cast<int>(i), rows, barrier)) {
            level = plan_.steps[i].level;
            strip_begins = false;
          }
        }
      }
    }
  }

  bool add_runs(int index, const std::vector<Range>& rows, bool barrier) {
    const PlannedStep& step = plan_.steps[static_cast<std::size_t>(index)];
    const Range all = rows[index_of(root(step.output))];
    if (all.empty()) return false;
    const int unit = step.step.epilogue.shuffle;
    int height = rows_per_dispatch(step, request_.device->caps.cpu_device);
    // Storage-buffer bindings cover a limited range: fewer rows at a time until all operands fit.
    while (!fits_binding(step, rows, {all.begin, std::min(all.begin + height, all.end)}) && height > unit) {
      height = std::max(unit, height / 2 / unit * unit);
    }
    for (int y = all.begin; y < all.end; y += height) {
      PlannedRun run{index, {y, std::min(y + height, all.end)}, {}, barrier && y == all.begin};
      run.touched = touched_rows(step, rows, run.rows);
      plan_.runs.push_back(std::move(run));
    }
    return true;
  }

  [[nodiscard]] std::vector<TouchedRows> touched_rows(const PlannedStep& step, const std::vector<Range>& rows,
                                                      Range out) const {
    std::vector<TouchedRows> touched;
    const auto first_row = [&](Value r) { return phases_.whole[index_of(r)] ? 0 : rows[index_of(r)].begin; };
    for (std::size_t i = 0; i < step.operands.size(); ++i) {
      const Value r = root(step.operands[i]);
      const Range all{0, plan_.graph.shape(r).h};
      const Range need = operand_rows(plan_.graph, step.output, i, out).value_or(all);
      touched.push_back({r, first_row(r), need});
    }
    const Value r = root(step.output);
    touched.push_back({r, first_row(r), out});
    return touched;
  }

  [[nodiscard]] bool fits_binding(const PlannedStep& step, const std::vector<Range>& rows, Range out) const {
    const Caps& caps = request_.device->caps;
    if (caps.buffer_device_address) return true;
    return std::ranges::all_of(touched_rows(step, rows, out), [&](const TouchedRows& t) {
      const auto count = static_cast<std::uint64_t>(std::max(0, t.rows.end - t.rows.begin));
      const std::uint64_t bytes = row_bytes(plan_.graph.view(t.root, plan_.storage)) * count;
      return bytes + 2 * kAlignment <= caps.max_storage_range;
    });
  }

  const PlanRequest& request_;
  Plan plan_;
  std::vector<Value> order_, feed_homes_;
  Phases phases_;
  std::vector<int> first_level_;                       // of each phase, then that of the outputs
  std::vector<std::vector<std::vector<Range>>> rows_;  // by phase, strip, root
  std::vector<int> capacity_;
  std::set<std::string> obeyed_;  // operators of PhysicalDevice::kernels, and why one was not
  std::map<std::string, std::string> refused_;
};

}  // namespace

Plan make_plan(const PlanRequest& request) {
  Planner planner(request);
  if (request.strips > 0 || request.limit == 0) {
    planner.lay_out(std::max(request.strips, 1));
    return std::move(planner).take();
  }
  std::uint64_t smallest = UINT64_MAX;
  // 1, 2, 3, 4, 6, 8, 12, 16, ...: finer steps gain nothing, the halos grow with the number of strips.
  for (int strips = 1; strips <= planner.most_strips(); strips += std::max(1, strips / 2)) {
    planner.lay_out(strips);
    if (planner.bytes() <= request.limit) return std::move(planner).take();
    smallest = std::min(smallest, planner.bytes());
  }
  throw MemoryError(
      fmt::format("frames of {} x {} need at least {} MiB of device memory for weights and activations, the "
                  "limit leaves {} "
                  "MiB; raise --memory-limit or use smaller frames",
                  request.width, request.height, (smallest >> 20U) + 1, request.limit >> 20U));
}

std::vector<std::string> Plan::kernel_lines() const {
  std::vector<std::string> lines;
  for (const PlannedStep& planned : steps) {
    std::string covers = planned.step.name;
    if (planned.step.covers.size() > 1) covers += fmt::format(" (+{})", planned.step.covers.size() - 1);
    const TensorView& out = planned.step.output;
    lines.push_back(fmt::format("{}: {} {}x{}x{}, {}; {}", covers, op_name(planned.step.op), out.c, out.h,
                                out.w, planned.kernel.shader, planned.kernel.reason));
  }
  return lines;
}

}  // namespace unblur::vk
