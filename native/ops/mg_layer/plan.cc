#include "plan.h"

#include <algorithm>

#include "../../base/check.h"
#include "plan_cuda.h"

namespace mg {
namespace {

constexpr i64 max_lanes = 16;
constexpr double wide_flop = 4e6;  // per step; with less, waking threads for every layer costs more than it brings
// Tiles of a grid in a step: with fewer, transforming the kernel costs more than Winograd's algorithm saves. A step alone decides, so
// that a window has the bits of its steps.
constexpr i64 least_tiles = 64;
constexpr i64 fold_area = 144;  // CUDA: below, a parity has too few pixels to fill the tiles
constexpr i64 most_range = 32;  // steps of a CUDA backward sweep before the weights' gradients are summed

void expect(bool holds, const std::string& what) {
  if (!holds) fail("ERR_MG_CONFIG", "fused.plan: expected " + what);
}

std::string layer_name(size_t l) { return "layer " + std::to_string(l + 1); }

void check_spec(const NetworkSpec& s) {
  expect(s.dimensions == 1 || s.dimensions == 2, "dimensions 1 or 2, got " + std::to_string(s.dimensions));
  expect(s.kernel_size > 0 && s.kernel_size % 2 == 1, "an odd kernelSize, got " + std::to_string(s.kernel_size));
  expect(s.batch >= 0 && s.steps >= 0, "batch and steps of 0 or more");
  expect(!s.layers.empty(), "at least one layer");
  for (size_t k = 0; k < s.sides.size(); k++) {
    expect(s.sides[k] > 0 && (k == 0 || s.sides[k] == 2 * s.sides[k - 1]), "each side twice the one before");
  }
  auto level_ok = [&](int level) { return level >= 0 && level < int(s.sides.size()); };
  auto field_ok = [&](int f) { return f >= 0 && f < int(s.fields.size()); };
  for (const FieldSpec& f : s.fields) {
    expect(level_ok(f.level) && f.channels > 0 && f.channels <= max_channels, "fields on known levels with 1 to 1024 channels");
  }
  for (int f : s.input) expect(field_ok(f), "known input fields");
  for (size_t l = 0; l < s.layers.size(); l++) {
    const LayerSpec& y = s.layers[l];
    expect(level_ok(y.low) && level_ok(y.high) && y.low <= y.high, layer_name(l) + " on known levels");
    expect(y.channels > 0 && y.channels <= max_channels, layer_name(l) + " with 1 to 1024 channels");
    expect(y.shortcut < int(l), layer_name(l) + " with a shortcut from an earlier layer");
    for (int f : y.memory) expect(field_ok(f), layer_name(l) + " with known memory fields");
  }
}

class Planner {
 public:
  Planner(const NetworkSpec& spec, i64 element_bytes, int workers) {
    check_spec(spec);
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
    add_nodes();
    if (cuda() && !norm && !recurrent) cut_images();
    for (Grid& g : p.grids) connect(g);
    add_parameters();
    p.wide = !cuda() && !spec.backward && !norm && p.batch < p.workers && p.computed_flop > wide_flop * double(p.steps);
    if (p.wide) p.group = 1;
    p.stores_gates = true;
    if (spec.backward && !norm && p.steps > 0) p.segment = std::min(std::max<i64>(0, spec.recompute), p.steps);
    lay_out();
    const i64 budget = spec.backward && spec.budget_bytes > 0 ? spec.budget_bytes : kept_bytes();
    if (p.saved_bytes > budget && recurrent && !p.segment) p.stores_gates = false, lay_out();
    if (p.saved_bytes > budget && !norm && !p.segment) choose_segment();
    const i64 kept = kept_bytes();
    expect(kept <= budget, "a byte budget of at least " + std::to_string(kept) + ", got " + std::to_string(budget));
    if (!cuda()) count_launches();
    describe(recurrent);
  }
  Plan p;

 private:
  bool cuda() const { return p.spec.machine == Machine::cuda; }
  i64 height(int level) const { return p.spec.dimensions == 1 ? 1 : p.spec.sides[size_t(level)]; }
  i64 width(int level) const { return p.spec.sides[size_t(level)]; }

  void add_nodes() {
    for (size_t f = 0; f < p.spec.fields.size(); f++) {
      const FieldSpec& s = p.spec.fields[f];
      p.nodes.push_back({s.level, height(s.level), width(s.level), s.channels, s.gradient, int(f), -1});
    }
    for (size_t l = 0; l < p.spec.layers.size(); l++) {
      const LayerSpec& s = p.spec.layers[l];
      p.layer_first.push_back(int(p.grids.size()));
      for (int level = s.low; level <= s.high; level++) {
        Grid g{};
        g.layer = int(l), g.level = level, g.node = int(p.nodes.size());
        g.height = height(level), g.width = width(level), g.channels = s.channels;
        if (s.output) p.outputs.push_back(int(p.grids.size()));
        if (s.kind == LayerKind::conv_lstm) g.state = int(p.states.size()), p.states.push_back(int(p.grids.size()));
        p.nodes.push_back({level, g.height, g.width, s.channels, true, -1, int(p.grids.size())});
        p.grids.push_back(g);
      }
    }
    p.layer_first.push_back(int(p.grids.size()));
  }

  // The nodes that layer l hands on at a level: its own y, then memory. Layer -1: the input.
  std::vector<int> outgoing(int l, int level) const {
    std::vector<int> found;
    if (l >= 0) {
      const LayerSpec& s = p.spec.layers[size_t(l)];
      if (level >= s.low && level <= s.high) found.push_back(p.grids[size_t(p.layer_first[size_t(l)] + level - s.low)].node);
    }
    for (int f : l < 0 ? p.spec.input : p.spec.layers[size_t(l)].memory) {
      if (p.nodes[size_t(f)].level == level) found.push_back(f);
    }
    return found;
  }

  // CUDA, without recurrence: images are taken through the layers in equal parts, one stage apart as the steps of a recurrent network
  // are, so that what one layer writes is still in the cache when the next one reads it. Parts of less than half the size that fits
  // are not worth their launches.
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

  void connect(Grid& g) {
    const LayerSpec& s = p.spec.layers[size_t(g.layer)];
    auto add = [&](Map map, int node, i64 channels, bool gradient) {
      Source source{map, node, channels, g.in_channels, -1};
      i64& columns = map == Map::up && g.doubled ? g.coarse_columns : g.data_columns;
      if (gradient) source.column = columns, columns += channels;
      if (map == Map::down) g.pooled += channels;
      g.in_channels += channels;
      g.sources.push_back(source);
    };
    const std::vector<int> doubled = outgoing(g.layer - 1, g.level - 1);
    const bool square = p.spec.dimensions == 2 && p.spec.kernel_size == 3 && !p.spec.direct;
    g.winograd = !cuda() && square && g.height % 2 == 0 && g.width % 2 == 0 && p.spec.batch * g.area() / 4 >= least_tiles;
    if (g.winograd || (cuda() && square && g.area() >= fold_area)) {
      for (int n : doubled) g.doubled += p.nodes[size_t(n)].channels;
      g.doubled_sources = int(doubled.size());
    }
    const Map maps[] = {Map::up, Map::same, Map::down};
    for (int k = 0; k < 3; k++) {
      for (int n : outgoing(g.layer - 1, g.level - 1 + k)) {
        add(maps[k], n, p.nodes[size_t(n)].channels, p.nodes[size_t(n)].gradient);
      }
    }
    expect(!g.sources.empty(), layer_name(size_t(g.layer)) + ", level " + std::to_string(g.level) +
                                   " next to a grid of the layer before");
    if (s.kind == LayerKind::conv_lstm) add(Map::same, -1, s.channels, true);
    expect(g.sources.size() <= max_sources, "at most " + std::to_string(max_sources) + " tensors joined before " +
                                                layer_name(size_t(g.layer)));
    g.outputs = s.kind == LayerKind::conv_lstm ? 4 * s.channels : s.channels;
    if (s.shortcut >= 0) {
      i64 first = 0;
      for (int n : outgoing(s.shortcut, g.level)) {
        g.shortcut.push_back({n, p.nodes[size_t(n)].channels, first});
        first += p.nodes[size_t(n)].channels;
      }
      if (first > s.channels) g.shortcut.clear();
    }
  }

  void add_parameters() {
    for (Grid& g : p.grids) {
      const LayerSpec& s = p.spec.layers[size_t(g.layer)];
      const i64 k = p.spec.kernel_size;
      auto add = [&](const char* name, std::vector<i64> shape) {
        i64 size = 1;
        for (i64 n : shape) size *= n;
        const std::string full = std::to_string(g.layer + 1) + ".level" + std::to_string(g.level) + "." + name;
        const bool transformed = name == std::string("kernel") && g.winograd;
        const bool compensated = name == std::string("bias") && s.norm != NormKind::none;
        const i64 sums = transformed ? winograd_points * g.in_channels * g.outputs : compensated ? 2 * size : size;
        p.parameters.push_back({full, shape, size, p.parameter_values, sums});
        p.parameter_values += round_up(sums, max_lanes);
        return int(p.parameters.size()) - 1;
      };
      std::vector<i64> kernel{k, k, g.in_channels, g.outputs};
      if (p.spec.dimensions == 1) kernel.erase(kernel.begin());
      g.kernel = add("kernel", kernel);
      g.bias = add("bias", {g.outputs});
      if (s.kind == LayerKind::conv_lstm && s.peephole) g.peephole = add("peephole", {3, s.channels});
      if (s.norm != NormKind::none) g.gamma = add("gamma", {s.channels}), g.beta = add("beta", {s.channels});
      const double sums = 2.0 * double(g.outputs * g.area() * p.batch * p.steps);
      p.forward_flop += sums * double(kernel_rows(g));
      p.computed_flop += sums * multiplications(g);
    }
  }

  // Of an output: nine for a channel, four where they are folded (cuda); with Winograd's algorithm sixteen or, doubled, nine for four.
  double multiplications(const Grid& g) const {
    if (g.winograd) return 4 * double(g.in_channels) - 1.75 * double(g.doubled);
    return double(kernel_rows(g) - 5 * g.doubled);
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
      if (g.activation.offset != g.y.offset || g.activation.where != g.y.where) values += g.activation.slots * p.batch * g.activation.image;
    }
    return values * p.element_bytes + gates * p.gate_bytes;
  }

  // The segment length with the least memory: states at the boundaries against the steps that are run again.
  void choose_segment() {
    p.stores_gates = true;
    i64 best = 1, least = -1;
    for (i64 s = 1; s <= p.steps; s++) {
      p.segment = ceil_div(p.steps, ceil_div(p.steps, s));
      if (p.segment != s) continue;
      lay_out();
      if (least < 0 || kept_bytes() < least) best = s, least = kept_bytes();
    }
    p.segment = best;
    lay_out();
  }

  i64 kernel_height() const { return p.spec.dimensions == 1 ? 1 : p.spec.kernel_size; }
  i64 kernel_rows(const Grid& g) const { return kernel_height() * p.spec.kernel_size * g.in_channels; }

  static i64 take(i64& used, i64 bytes) { return take_bytes(used, bytes); }
  Place worker_place(i64& used, i64 slots, i64 image) {
    return {Place::Where::worker, take(used, slots * p.group * image * p.element_bytes), slots, image};
  }
  Place shared(Place::Where where, i64& used, i64 slots, i64 image, i64 bytes) {
    return {where, take(used, slots * p.batch * image * bytes), slots, image};
  }

  void lay_out() {
    i64 saved = 0, work = 0, mine = 0;  // mine: per worker
    int output = 0;
    p.patch_size = p.cells_size = p.products_size = p.sums_size = p.dsums_size = p.dx_size = 0;
    p.range = p.segment ? p.segment : p.layer_major ? p.steps : std::min(p.steps, most_range);
    CudaPlanner products(p);
    for (Grid& g : p.grids) {
      place_tensors(g, saved, work, mine, output);
      if (cuda()) products.place(g, work);
      else place_chunks(g, work, mine);
    }
    p.saved_bytes = saved;
    p.scratch_begin = mine;
    if (cuda()) products.place_shared(work);
    else place_workers(work, mine);
    p.workspace_bytes = work;
  }

  // Values, states and what backward reads: where they lie and how many steps of them.
  void place_tensors(Grid& g, i64& saved, i64& work, i64& mine, int& output) {
    const LayerSpec& s = p.spec.layers[size_t(g.layer)];
    const bool lstm = s.kind == LayerKind::conv_lstm, own_y = !g.shortcut.empty() || s.norm != NormKind::none;
    const i64 image = g.area() * g.channels;
    auto keep_in = [&](i64 bytes, i64 slots, i64 values) {  // kept for backward, or for as long as the schedule needs it
      if (p.segment && cuda()) return shared(Place::Where::workspace, work, std::max(p.segment, slots), values, bytes);
      if (p.segment) return worker_place(mine, p.segment, values);
      if (p.spec.backward) return shared(Place::Where::saved, saved, p.steps, values, bytes);
      if (p.layer_major) return shared(Place::Where::workspace, work, p.steps, values, bytes);
      if (p.wide || cuda()) return shared(Place::Where::workspace, work, slots, values, bytes);
      return worker_place(mine, slots, values);
    };
    auto keep = [&](i64 slots, i64 values) { return keep_in(p.element_bytes, slots, values); };
    const i64 own = lstm ? 2 : 1, handed_on = own_y ? reach(g) : std::max(own, reach(g));
    g.y = s.output ? Place{Place::Where::output, output++, p.steps, image} : keep(handed_on, image);
    g.activation = own_y ? keep(own, image) : g.y;
    if (lstm) {
      if (p.wide) g.cell = shared(Place::Where::workspace, work, 1, image, p.element_bytes);
      else if (p.layer_major && !p.spec.backward && !cuda()) g.cell = worker_place(mine, 1, image);
      else g.cell = keep(1, image);
    }
    g.gates = lstm && p.spec.backward && p.stores_gates ? keep_in(p.gate_bytes, 1, 4 * image) : Place{};
    if (lstm && p.segment) {
      const i64 states = (ceil_div(p.steps, p.segment) - 1) * p.batch * image * p.element_bytes;
      g.checkpoint_hidden = take(saved, states), g.checkpoint_cell = take(saved, states);
    }
    if (s.norm != NormKind::none) g.statistics = take(p.spec.backward ? saved : work, 2 * g.channels * 8);
  }

  // Slots of y: on CUDA, layers run at different steps at once, and one that reads this layer's y is as many steps behind as it is
  // layers above.
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

  void place_chunks(Grid& g, i64& work, i64& mine) {
    const i64 image = g.area() * g.channels;
    g.group = g.area() > 288 ? 1 : p.group;
    const i64 kh = kernel_height(), k = p.spec.kernel_size, multiple = g.winograd ? 2 : 1;
    const i64 at_least = p.wide ? 2 * p.workers : 1;
    g.chunks = plan_chunks(g.group, g.height, g.width, kh, k, g.in_channels, p.element_bytes, at_least, multiple);
    const i64 padded = round_up(g.outputs, max_lanes), pixels = g.chunks.max_pixels();
    const i64 taps = g.winograd ? i64(winograd_points) : kh * k;
    if (g.winograd) g.transformed = take(work, taps * g.in_channels * g.outputs * p.element_bytes);
    g.packed_kernel = take(work, taps * g.in_channels * padded * p.element_bytes);
    g.packed_bias = take(work, padded * p.element_bytes);
    g.offsets = take(work, pixels * 4);
    if (g.winograd) g.tile_rows = place_tiles(g, work, pixels, g.in_channels, padded);
    p.patch_size = std::max(p.patch_size, g.chunks.patch_size());
    p.sums_size = std::max(p.sums_size, g.chunks.max_pixels() * g.outputs);
    if (!p.spec.backward) return;
    g.data_chunks = plan_chunks(g.group, g.height, g.width, kh, k, g.outputs, p.element_bytes, 1, multiple);
    const i64 data_pixels = g.data_chunks.max_pixels();
    g.data_offsets = take(work, data_pixels * 4);
    g.turned = take(work, g.outputs * std::max(g.data_columns, g.coarse_columns) * p.element_bytes);
    g.packed_transposed = take(work, taps * g.outputs * round_up(g.data_columns, max_lanes) * p.element_bytes);
    if (g.winograd) {
      g.packed_coarse = take(work, taps * g.outputs * round_up(g.coarse_columns, max_lanes) * p.element_bytes);
      g.data_tile_rows = place_tiles(g, work, data_pixels, g.outputs, std::max(g.data_columns, g.coarse_columns));
    }
    p.patch_size = std::max(p.patch_size, g.data_chunks.patch_size());
    p.dsums_size = std::max(p.dsums_size, g.group * g.area() * padded);
    p.dx_size = std::max(p.dx_size, data_pixels * g.data_columns + data_pixels / 4 * g.coarse_columns);
    g.grad = p.layer_major ? shared(Place::Where::workspace, work, p.steps, image, p.element_bytes) : worker_place(mine, 1, image);
    if (g.state >= 0) g.grad_hidden = worker_place(mine, 1, image), g.grad_cell = worker_place(mine, 1, image);
  }

  // Room for the tiles that are taken together, and for the table of their rows.
  i64 place_tiles(const Grid& g, i64& work, i64 pixels, i64 channels, i64 columns) {
    const i64 across = g.width / 2, tiles = std::min(pixels / 4, most_lines(across) * across);
    auto planes = [&](i64 width) { return winograd_points * winograd_plane(tiles * width, p.element_bytes); };
    p.cells_size = std::max(p.cells_size, planes(channels));
    p.products_size = std::max(p.products_size, planes(columns));
    return take(work, most_lines(across) * across * 4);
  }

  void place_workers(i64& work, i64 mine) {
    if (p.spec.backward) p.partials = take(work, p.units * p.parameter_values * p.element_bytes);
    if (p.layer_major) p.norm_sums = take(work, p.units * 2 * max_channels * 8);
    i64 scratch = p.patch_size + p.cells_size + p.products_size + p.sums_size;
    if (p.spec.backward) scratch += p.dsums_size + p.dx_size + p.sums_size;
    p.worker_scratch_bytes = mine + round_up(scratch * p.element_bytes + 64 * 16, 4096);
    p.worker_scratch = take(work, p.workers * p.worker_scratch_bytes);
  }

  // Kernels are packed, then units run; layer by layer a window norm adds three passes forward, two backward.
  void count_launches() {
    const i64 layers = i64(p.spec.layers.size());
    i64 norms = 0;
    for (const Grid& g : p.grids) norms += g.gamma >= 0;
    p.launches = 1 + (p.wide ? layers * p.steps : p.layer_major ? layers + 3 * norms : 1);
    if (p.spec.backward) p.launches += 1 + (p.layer_major ? 1 + 2 * layers + 2 * norms : 1) + 1;
  }

  void describe(bool recurrent) {
    if (cuda() && p.layer_major) p.path = "CUDA, layer by layer (window norm)";
    else if (cuda()) p.path = p.together ? "CUDA, layers one step apart in one launch for all" : "CUDA, layers one step apart in one launch each";
    else if (p.layer_major) p.path = "layer by layer (window norm)";
    else if (p.wide) p.path = "grids and bands of rows in parallel, a barrier per layer (fewer images than threads)";
    else if (recurrent) p.path = "samples in parallel, all steps without a barrier";
    else p.path = "images in parallel, all layers without a barrier";
    if (cuda() && !recurrent) p.path += ", steps of " + std::to_string(p.batch) + " images";
    if (!p.wide && !cuda()) p.path += ", " + std::to_string(p.units) + " units, groups of " + std::to_string(p.group);
    const bool tiles = std::any_of(p.grids.begin(), p.grids.end(), [](const Grid& g) { return g.winograd; });
    if (tiles) p.path += ", convolutions by Winograd's F(2x2, 3x3)";
    if (p.segment) p.path += ", backward runs segments of " + std::to_string(p.segment) + " steps again (byte budget)";
    else if (p.spec.backward && recurrent) p.path += p.stores_gates ? ", gates stored" : ", gates recomputed (byte budget)";
  }

};

}  // namespace

Plan plan_network(const NetworkSpec& spec, i64 element_bytes, int workers) {
  return Planner(spec, element_bytes, workers).p;
}

}  // namespace mg
