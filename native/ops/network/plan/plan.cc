// A plan from a description: parameters, states, outputs, then a way for the place it runs on.
#include <algorithm>

#include "planner.h"

namespace mg {
namespace {

constexpr double wide_flop = 4e6;  // per step; with less, waking threads for every layer costs more than it brings
constexpr i64 streamed_bytes = 32 << 20;  // CPU: windows that save more find their gates in no cache again
constexpr i64 most_range = 32;  // steps of a CUDA backward sweep before the weights' gradients are summed

class Planner {
 public:
  Planner(const NetworkSpec& spec, i64 element_bytes, int workers) {
    p.spec = spec;
    p.element_bytes = element_bytes;
    p.workers = workers < 1 ? 1 : workers;
    bool recurrent = false, norm = false;
    for (const LayerSpec& l : spec.layers) {
      recurrent = recurrent || l.kind == LayerKind::conv_lstm;
      norm = norm || l.norm != NormKind::none;
    }
    p.batch = recurrent ? spec.batch : spec.batch * spec.steps;
    p.steps = recurrent ? spec.steps : spec.batch * spec.steps > 0;
    p.layer_major = norm;
    if (cuda()) {
      p.workers = 0;
      if (element_bytes == 8) p.spec.direct = true, p.spec.precision = Precision::float32;
    }
    p.gate_bytes = cuda() && p.spec.precision == Precision::bfloat16 ? 2 : element_bytes;
    p.units = cuda() ? 1 : std::max<i64>(1, p.batch <= 8 ? p.batch : p.batch <= 64 ? 8 : 16);
    p.group = std::max<i64>(1, std::min<i64>(4, ceil_div(p.batch, p.units)));
    build_graph(p);
    if (cuda() && !norm && !recurrent) cut_images();
    p.wide = !cuda() && !spec.backward && !norm && p.batch < p.workers && p.computed_flop > wide_flop * double(p.steps);
    if (p.wide) p.group = 1;
    p.stores_gates = true;
    if (spec.backward && !norm && p.steps > 0) p.segment = std::min(std::max<i64>(0, spec.recompute), p.steps);
    lay_out();
    const i64 budget = spec.backward && spec.budget_bytes > 0 ? spec.budget_bytes : kept_bytes();
    if (p.saved_bytes > budget && recurrent && !p.segment) p.stores_gates = false, lay_out();
    if (p.saved_bytes > budget && !norm && !p.segment) choose_segment();
    const i64 kept = kept_bytes();
    expect_of_plan(kept <= budget, "a byte budget of at least " + std::to_string(kept) + ", got " + std::to_string(budget));
    p.streams_gates = !cuda() && p.stores_gates && !p.segment && p.saved_bytes >= streamed_bytes;
    describe(recurrent);
  }
  Plan p;

 private:
  bool cuda() const { return is_cuda(p); }

  // CUDA, without recurrence: images are taken through the layers in equal parts, one stage apart as
  // the steps of a recurrent network are, so that what one layer writes is still in the cache when
  // the next one reads it. Parts of less than half the size that fits are not worth their launches.
  void cut_images() {
    i64 values = 0;  // of an image in a stage: fields are read, the values of a grid are read and those of the next image written
    for (const Node& n : p.nodes) values += (n.grid < 0 ? 1 : 2) * n.area() * n.channels;
    const i64 images = p.batch, fit = p.spec.cache_bytes > 0 ? p.spec.cache_bytes / (values * p.element_bytes) : images;
    for (i64 part = std::min(fit, images); part > 0 && 2 * part >= fit && part < images; part--) {
      if (images % part != 0) continue;
      p.batch = part, p.steps = images / part;
      return;
    }
  }

  // What the budget counts: what is saved, and the segments that the workers hold.
  i64 kept_bytes() const {
    if (!p.segment) return p.saved_bytes;
    return p.saved_bytes + (cuda() ? segment_bytes() : p.workers * p.scratch_begin);
  }
  i64 segment_bytes() const {  // what `keep` of place_tensors takes from the workspace
    i64 values = 0, gates = 0;
    for (const Grid& g : p.grids) {
      for (const Place* place : {&g.y, &g.cell}) {
        if (place->where == Place::Where::workspace) values += place->slots * p.batch * place->image;
      }
      if (g.gates.where == Place::Where::workspace) gates += g.gates.slots * p.batch * g.gates.image;
      if (g.activation.offset != g.y.offset || g.activation.where != g.y.where)
        values += g.activation.slots * p.batch * g.activation.image;
    }
    return values * p.element_bytes + gates * p.gate_bytes;
  }

  // The segment length with the least memory: states at the boundaries against the steps that are run again.
  void choose_segment() {
    p.stores_gates = true;
    i64 best = 1, least = -1;
    for (i64 s = 1;; s = ceil_div(p.steps, ceil_div(p.steps, s) - 1)) {  // the shortest that need one segment less
      p.segment = s;
      lay_out();
      if (least < 0 || kept_bytes() < least) best = s, least = kept_bytes();
      if (s >= p.steps) break;
    }
    p.segment = best;
    lay_out();
  }

  void lay_out() {
    i64 saved = 0, work = 0, mine = 0;  // mine: per worker
    int output = 0;
    p.patch_size = p.cells_size = p.products_size = p.sums_size = p.dsums_size = p.dx_size = p.kernel_sums_size = 0;
    p.range = p.segment ? p.segment : p.layer_major ? p.steps : std::min(p.steps, most_range);
    const CpuPlanner cpu_planner(p);
    const CudaPlanner cuda_planner(p);
    for (Grid& g : p.grids) {
      place_tensors(g, saved, work, mine, output);
      if (cuda()) cuda_planner.place(g, work);
      else cpu_planner.place(g, work, mine);
    }
    p.saved_bytes = saved;
    p.scratch_begin = mine;
    if (cuda()) cuda_planner.place_shared(work);
    else cpu_planner.place_shared(work, mine);
    p.workspace_bytes = work;
  }

  // Values, states and what backward reads: where they lie and how many steps of them.
  void place_tensors(Grid& g, i64& saved, i64& work, i64& mine, int& output) {
    const LayerSpec& s = p.spec.layers[std::size_t(g.layer)];
    const bool lstm = s.kind == LayerKind::conv_lstm, own_y = !g.shortcut.empty() || s.norm != NormKind::none;
    const i64 image = g.area() * g.channels;
    auto keep_in = [&](i64 bytes, i64 slots, i64 values) {  // kept for backward, or for as long as the schedule needs it
      if (p.segment && cuda()) return batch_place(p, Place::Where::workspace, work, std::max(p.segment, slots), values, bytes);
      if (p.segment) return worker_place(p, mine, p.segment, values);
      if (p.spec.backward) return batch_place(p, Place::Where::saved, saved, p.steps, values, bytes);
      if (p.layer_major) return batch_place(p, Place::Where::workspace, work, p.steps, values, bytes);
      if (p.wide || cuda()) return batch_place(p, Place::Where::workspace, work, slots, values, bytes);
      return worker_place(p, mine, slots, values);
    };
    auto keep = [&](i64 slots, i64 values) { return keep_in(p.element_bytes, slots, values); };
    const i64 own = lstm ? 2 : 1, handed_on = own_y ? reach(g) : std::max(own, reach(g));
    g.y = s.output ? Place{Place::Where::output, output++, p.steps, image} : keep(handed_on, image);
    g.activation = own_y ? keep(own, image) : g.y;
    if (lstm) {
      if (p.wide) g.cell = batch_place(p, Place::Where::workspace, work, 1, image, p.element_bytes);
      else if (p.layer_major && !p.spec.backward && !cuda()) g.cell = worker_place(p, mine, 1, image);
      else g.cell = keep(1, image);
    }
    g.gates = lstm && p.spec.backward && p.stores_gates ? keep_in(p.gate_bytes, 1, 4 * image) : Place{};
    if (lstm && p.segment) {
      const i64 states = (ceil_div(p.steps, p.segment) - 1) * p.batch * image * p.element_bytes;
      g.checkpoint_hidden = take_bytes(saved, states), g.checkpoint_cell = take_bytes(saved, states);
    }
    if (s.norm != NormKind::none) g.statistics = take_bytes(p.spec.backward ? saved : work, 2 * g.channels * 8);
  }

  // Slots of y: on CUDA, layers run at different steps at once, and one that
  // reads this layer's y is as many steps behind as it is layers above.
  i64 reach(const Grid& g) const {
    if (!cuda()) return 1;
    int last = g.layer + 1;
    for (const Grid& other : p.grids) {
      for (const ShortcutPart& s : other.shortcut) {
        if (s.node == g.node) last = std::max(last, other.layer);
      }
    }
    return last - g.layer + 1;
  }

  void describe(bool recurrent) {
    if (cuda() && p.layer_major) p.path = "CUDA, layer by layer (window norm)";
    else if (cuda() && p.together) p.path = "CUDA, layers one step apart in one launch for all";
    else if (cuda()) p.path = "CUDA, layers one step apart in one launch each";
    else if (p.layer_major) p.path = "layer by layer (window norm)";
    else if (p.wide) p.path = "grids and bands of rows in parallel, a barrier per layer (fewer images than threads)";
    else if (recurrent) p.path = "samples in parallel, all steps without a barrier";
    else p.path = "images in parallel, all layers without a barrier";
    if (cuda() && !recurrent) p.path += ", steps of " + std::to_string(p.batch) + " images";
    if (!p.wide && !cuda()) p.path += ", " + std::to_string(p.units) + " units, groups of " + std::to_string(p.group);
    const bool tiles = std::any_of(p.grids.begin(), p.grids.end(), [](const Grid& g) { return g.tile > 0; });
    if (tiles) p.path += ", convolutions by Winograd's algorithm";
    if (p.segment) p.path += ", backward runs segments of " + std::to_string(p.segment) + " steps again (byte budget)";
    else if (p.spec.backward && recurrent) p.path += p.stores_gates ? ", gates stored" : ", gates recomputed (byte budget)";
    if (p.streams_gates) p.path += " past the caches";
  }
};

}  // namespace

Plan plan_network(const NetworkSpec& spec, i64 element_bytes, int workers) { return Planner(spec, element_bytes, workers).p; }

}  // namespace mg
