// The graph of a network: which stage reads what, and shapes that do not fit.
#include <algorithm>

#include "planner.h"

namespace mg {
namespace {

// Tiles of a grid in a step: with fewer, transforming the kernel costs more than Winograd's algorithm saves. A step alone
// decides, so that a window has the bits of its steps.
constexpr i64 least_tiles = 64;
constexpr i64 fold_area = 144;  // CUDA: below, a parity has too few pixels to fill the tiles

// Far more than any machine holds, and few enough for sizes in bytes to fit into 63 bits.
constexpr double most_taps = 1 << 20, most_cells = double(i64{1} << 40), most_bytes = double(i64{1} << 60);

std::string layer_name(std::size_t l) { return "layer " + std::to_string(l + 1); }

double images(const NetworkSpec& s) { return double(std::max<i64>(1, s.batch)) * double(std::max<i64>(1, s.steps)); }

// Of an image on all levels, with the ring that a kernel needs around it.
double ringed_cells(const NetworkSpec& s) {
  double cells = 0;
  for (const i64 side : s.sides) cells += double(side + s.kernel_size) * (s.dimensions == 1 ? 1 : double(side + s.kernel_size));
  return cells;
}

void check_spec(const NetworkSpec& s) {
  expect_of_plan(s.dimensions == 1 || s.dimensions == 2, "dimensions 1 or 2, got " + std::to_string(s.dimensions));
  expect_of_plan(s.kernel_size > 0 && s.kernel_size % 2 == 1, "an odd kernelSize, got " + std::to_string(s.kernel_size));
  expect_of_plan(s.batch >= 0 && s.steps >= 0, "batch and steps of 0 or more");
  expect_of_plan(!s.layers.empty(), "at least one layer");
  for (std::size_t k = 0; k < s.sides.size(); k++) {
    expect_of_plan(s.sides[k] > 0 && (k == 0 || s.sides[k] == 2 * s.sides[k - 1]), "each side twice the one before");
  }
  auto level_ok = [&](int level) { return level >= 0 && level < int(s.sides.size()); };
  auto field_ok = [&](int f) { return f >= 0 && f < int(s.fields.size()); };
  for (const FieldSpec& f : s.fields) {
    expect_of_plan(level_ok(f.level) && f.channels > 0 && f.channels <= max_channels,
                   "fields on known levels with 1 to 1024 channels");
  }
  for (int f : s.input) expect_of_plan(field_ok(f), "known input fields");
  for (std::size_t l = 0; l < s.layers.size(); l++) {
    const LayerSpec& y = s.layers[l];
    expect_of_plan(level_ok(y.low) && level_ok(y.high) && y.low <= y.high, layer_name(l) + " on known levels");
    expect_of_plan(y.channels > 0 && y.channels <= max_channels, layer_name(l) + " with 1 to 1024 channels");
    expect_of_plan(y.shortcut < int(l), layer_name(l) + " with a shortcut from an earlier layer");
    for (int f : y.memory) expect_of_plan(field_ok(f), layer_name(l) + " with known memory fields");
  }
  const double taps = double(s.kernel_size) * double(s.kernel_height());
  expect_of_plan(taps <= most_taps, "a kernel of at most 2^20 taps, got a kernelSize of " + std::to_string(s.kernel_size));
  expect_of_plan(ringed_cells(s) * images(s) <= most_cells, "at most 2^40 cells in all steps of a batch");
}

class Graph {
 public:
  explicit Graph(Plan& plan) : p(plan) {}

  void add_nodes() {
    for (std::size_t f = 0; f < p.spec.fields.size(); f++) {
      const FieldSpec& s = p.spec.fields[f];
      p.nodes.push_back({s.level, height(s.level), width(s.level), s.channels, s.gradient, int(f), -1});
    }
    for (std::size_t l = 0; l < p.spec.layers.size(); l++) {
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

  // What a grid gathers, and by which algorithm.
  void connect(Grid& g) {
    const LayerSpec& s = p.spec.layers[std::size_t(g.layer)];
    auto add = [&](Map map, int node, i64 channels, bool gradient) {
      Source source{map, node, channels, g.in_channels, -1};
      i64& columns = map == Map::up && g.doubled ? g.coarse_columns : g.data_columns;
      if (gradient) source.column = columns, columns += channels;
      if (map == Map::down) g.pooled += channels;
      g.in_channels += channels;
      g.sources.push_back(source);
      if (node >= 0) p.nodes[std::size_t(node)].read = true;
    };
    const std::vector<int> doubled = outgoing(g.layer - 1, g.level - 1);
    const bool square = p.spec.dimensions == 2 && p.spec.kernel_size == 3 && !p.spec.direct;
    for (const int tile : {2, 4}) {
      const bool fits = g.height % tile == 0 && g.width % tile == 0 && p.spec.batch * g.area() / (tile * tile) >= least_tiles;
      if (!is_cuda(p) && square && fits) g.tile = tile;
    }
    if (g.tile > 0 || (is_cuda(p) && square && g.area() >= fold_area)) {
      for (int n : doubled) g.doubled += p.nodes[std::size_t(n)].channels;
      g.doubled_sources = int(doubled.size());
    }
    const Map maps[] = {Map::up, Map::same, Map::down};
    for (int k = 0; k < 3; k++) {
      for (int n : outgoing(g.layer - 1, g.level - 1 + k)) {
        add(maps[k], n, p.nodes[std::size_t(n)].channels, p.nodes[std::size_t(n)].gradient);
      }
    }
    const std::string layer = layer_name(std::size_t(g.layer));
    expect_of_plan(!g.sources.empty(), layer + ", level " + std::to_string(g.level) + " next to a grid of the layer before");
    if (s.kind == LayerKind::conv_lstm) add(Map::same, -1, s.channels, true);
    expect_of_plan(g.sources.size() <= max_sources, "at most " + std::to_string(max_sources) + " tensors joined before " + layer);
    g.outputs = s.kind == LayerKind::conv_lstm ? 4 * s.channels : s.channels;
    if (s.shortcut >= 0) {
      i64 first = 0;
      for (int n : outgoing(s.shortcut, g.level)) {
        g.shortcut.push_back({n, p.nodes[std::size_t(n)].channels, first});
        first += p.nodes[std::size_t(n)].channels;
      }
      if (first > s.channels) g.shortcut.clear();
      for (const ShortcutPart& part : g.shortcut) p.nodes[std::size_t(part.node)].read = true;
    }
  }

  // No size of the plan may overflow: of what is kept of each image, by the batch or by a worker, and of the sums of each unit.
  void check_sizes() const {
    const double together = std::max(images(p.spec), 4.0 * p.workers), cells = ringed_cells(p.spec);
    double bytes = 0;
    for (const Grid& g : p.grids) {
      const double taps = double(std::max<i64>(kernel_rows(g), most_winograd_points * g.in_channels));
      bytes += 64 * cells * together * double(g.in_channels + g.outputs) + 256 * taps * double(g.outputs);
    }
    expect_of_plan(bytes <= most_bytes, "a network whose sizes fit into 63 bits");
  }

  void add_parameters() {
    for (Grid& g : p.grids) {
      const LayerSpec& s = p.spec.layers[std::size_t(g.layer)];
      const i64 k = p.spec.kernel_size;
      auto add = [&](const char* name, std::vector<i64> shape) {
        i64 size = 1;
        for (i64 n : shape) size *= n;
        const std::string full = std::to_string(g.layer + 1) + ".level" + std::to_string(g.level) + "." + name;
        const bool compensated = name == std::string("bias") && s.norm != NormKind::none;
        const i64 sums = compensated ? 2 * size : size;
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

 private:
  // The nodes that layer l hands on at a level: its own y, then memory. Layer -1: the input.
  std::vector<int> outgoing(int l, int level) const {
    std::vector<int> found;
    if (l >= 0) {
      const LayerSpec& s = p.spec.layers[std::size_t(l)];
      if (level >= s.low && level <= s.high)
        found.push_back(p.grids[std::size_t(p.layer_first[std::size_t(l)] + level - s.low)].node);
    }
    for (int f : l < 0 ? p.spec.input : p.spec.layers[std::size_t(l)].memory) {
      if (p.nodes[std::size_t(f)].level == level) found.push_back(f);
    }
    return found;
  }

  // Of an output: nine for a channel, four where they are folded (cuda);
  // with Winograd's algorithm sixteen or, doubled, nine for four.
  double multiplications(const Grid& g) const {
    if (g.tile == 4) return 2.25 * double(g.in_channels);
    if (g.tile == 2) return 4 * double(g.in_channels) - 1.75 * double(g.doubled);
    return double(kernel_rows(g) - 5 * g.doubled);
  }

  i64 height(int level) const { return p.spec.dimensions == 1 ? 1 : p.spec.sides[std::size_t(level)]; }
  i64 width(int level) const { return p.spec.sides[std::size_t(level)]; }
  i64 kernel_rows(const Grid& g) const { return p.spec.kernel_height() * p.spec.kernel_size * g.in_channels; }

  Plan& p;
};

}  // namespace

void build_graph(Plan& p) {
  check_spec(p.spec);
  Graph graph(p);
  graph.add_nodes();
  for (Grid& g : p.grids) graph.connect(g);
  graph.check_sizes();
  graph.add_parameters();
}

}  // namespace mg
