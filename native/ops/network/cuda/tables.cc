// The tables of a plan, filled in on the host.
#include "tables.h"

#include <cstring>

#include "../../../base/check.h"

namespace mg {
namespace {

template <class T>
class Builder {
 public:
  Builder(const Plan& plan, const NetworkArgs<T>& args, const NetworkGradients<T>* grads, char* device)
      : p(plan), args(args), grads(grads), device(device) {
    for (WorkRows& rows : out.work) rows.before.push_back(0);
  }

  BuiltTables<T> build() {
    out.bytes.resize(sizeof(Tables<T>));
    for (const Grid& g : p.grids) add_grid(g);
    add_fields();
    Tables<T> t{};
    t.steps = p.steps;
    t.dimensions = p.spec.dimensions, t.layers = int(p.spec.layers.size());
    t.strip_sums = reinterpret_cast<double*>(work(p.norm_sums));
    t.norm_shift = reinterpret_cast<double*>(work(p.norm_shift));
    t.workspace = work(0);
    t.grids = store(grids);
    t.forward = store(out.forward);
    t.data = store(out.data);
    t.data_folded = reinterpret_cast<const bool*>(store(folded));
    t.weights = store(weights);
    t.sources = store(sources);
    t.shortcuts = store(shortcuts);
    t.uses = store(uses);
    t.fields = store(fields);
    for (int k = 0; k < int(Work::count); k++) {
      out.work[k].first.resize(p.layer_first.size(), int(out.work[k].before.size()) - 1);
      t.first[k] = store(out.work[k].first);
      t.before[k] = store(out.work[k].before);
    }
    std::memcpy(out.bytes.data(), &t, sizeof t);
    return std::move(out);
  }

 private:
  char* work(i64 bytes) const { return static_cast<char*>(args.workspace) + bytes; }
  T* space(i64 bytes) const { return bytes < 0 ? nullptr : reinterpret_cast<T*>(work(bytes)); }

  Series<T> series(const Place& place) const {
    const i64 step = p.batch * place.image;
    switch (place.where) {
      case Place::Where::saved: return {reinterpret_cast<T*>(static_cast<char*>(args.saved) + place.offset), step, place.slots};
      case Place::Where::workspace: return {space(place.offset), step, place.slots};
      case Place::Where::output: return {args.outputs[place.offset], step, p.steps};
      default: return {nullptr, 0, 1};
    }
  }
  KeptSeries kept(const Place& place) const {
    const Series<T> s = series(place);
    return {reinterpret_cast<char*>(s.base), s.step, s.slots};
  }
  Series<T> value(int node) const {
    const Node& n = p.nodes[std::size_t(node)];
    if (n.grid >= 0) return series(p.grids[std::size_t(n.grid)].y);
    return {const_cast<T*>(args.fields[n.field]), p.batch * n.area() * n.channels, p.steps};
  }
  template <class U>
  static U* entry(U* const* all, int k) {
    return all && k >= 0 ? all[k] : nullptr;
  }

  StateBefore<T> before(const T* given, const Place& own, i64 checkpoints) const {
    return {given, series(own), checkpoints < 0 ? nullptr : reinterpret_cast<T*>(static_cast<char*>(args.saved) + checkpoints),
            p.segment};
  }

  static bool aligned(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0; }

  void add_grid(const Grid& g) {
    const LayerSpec& s = p.spec.layers[std::size_t(g.layer)];
    GridRow<T> r{};
    r.layer = g.layer, r.relu = s.kind == LayerKind::conv && s.relu;
    r.adds_up = !g.shortcut.empty() && g.gamma < 0;
    r.batch = p.batch, r.height = g.height, r.width = g.width;
    r.channels = g.channels, r.outputs = g.outputs, r.in_channels = g.in_channels;
    r.forget_bias = T(s.forget_bias);
    r.kernel = args.parameters[g.kernel], r.bias = args.parameters[g.bias], r.peephole = entry(args.parameters, g.peephole);
    if (g.gamma >= 0) {
      r.epsilon = s.epsilon;
      r.gamma = args.parameters[g.gamma], r.beta = args.parameters[g.beta];
      r.statistics =
          reinterpret_cast<double*>(p.spec.backward ? static_cast<char*>(args.saved) + g.statistics : work(g.statistics));
    }
    r.y = series(g.y), r.activation = series(g.activation), r.cell = series(g.cell), r.gates = kept(g.gates);
    r.gate_plane = p.batch * g.area() * g.channels;
    r.hidden_before = before(entry(args.hidden0, g.state), g.activation, g.checkpoint_hidden);
    r.cell_before = before(entry(args.cell0, g.state), g.cell, g.checkpoint_cell);
    r.last_hidden = entry(args.hidden, g.state), r.last_cell = entry(args.cell, g.state);
    r.source = int(sources.size()), r.sources = int(g.sources.size());
    for (std::size_t j = 0; j < g.sources.size(); j++) add_source(g, g.sources[j], int(j) < g.doubled_sources, r);
    r.shortcut = int(shortcuts.size()), r.shortcuts = int(g.shortcut.size());
    for (const ShortcutPart& part : g.shortcut) shortcuts.push_back({part.first, part.channels, value(part.node)});
    begin_row(Work::forward, g.layer, g.forward.blocks());
    out.forward.push_back(g.forward);
    if (grads) add_gradients(g, r);
    grids.push_back(r);
  }

  void add_source(const Grid& g, const Source& s, bool is_folded, GridRow<T>& r) {
    SourceRow<T> row{};
    row.map = s.map, row.first = s.first, row.channels = s.channels, row.column = s.column, row.folded = is_folded;
    row.aligned = s.channels % 4 == 0 && s.first % 4 == 0 && (is_folded || g.doubled % 4 == 0);
    if (s.node >= 0) {
      row.value = value(s.node);
      row.aligned = row.aligned && aligned(row.value.base);
    } else {
      row.hidden = r.hidden_before;
      row.aligned = row.aligned && aligned(row.hidden.given) && aligned(row.hidden.own.base) && aligned(row.hidden.checkpoints);
      r.hidden_column = s.column;
    }
    sources.push_back(row);
  }

  void add_gradients(const Grid& g, GridRow<T>& r) {
    if (g.y.where == Place::Where::output) {
      r.given = {const_cast<T*>(grads->outputs[g.y.offset]), p.batch * g.area() * g.channels, p.steps};
    }
    r.grad = series(g.grad), r.activation_grad = series(g.gamma >= 0 ? g.activation_grad : g.grad), r.dsums = kept(g.dsums);
    r.grad_cell = series(g.grad_cell).base;
    r.parts = space(g.parts), r.folded_parts = space(g.folded_parts);
    r.data_columns = g.data_columns, r.folded_columns = g.coarse_columns;
    r.given_hidden = entry(grads->hidden, g.state), r.given_cell = entry(grads->cell, g.state);
    r.first_hidden = entry(grads->hidden0, g.state), r.first_cell = entry(grads->cell0, g.state);
    r.partials = space(g.weights.partials);
    r.dkernel = grads->parameters[g.kernel], r.dbias = grads->parameters[g.bias];
    r.dpeephole = entry(grads->parameters, g.peephole);
    r.dgamma = entry(grads->parameters, g.gamma), r.dbeta = entry(grads->parameters, g.beta);
    r.use = int(uses.size());
    for (const Grid& other : p.grids) add_uses(other, g.node);
    r.uses = int(uses.size()) - r.use;
    begin_row(Work::cells, g.layer, ceil_div(r.cells() * r.channels, cell_block));
    begin_row(Work::weights, g.layer, p.range > 0 ? g.weights.blocks() : 0);
    weights.push_back(g.weights);
    if (g.data_columns > 0) add_data(g, g.data, false);
    if (g.coarse_columns > 0) add_data(g, g.folded_data, true);
  }
  void add_data(const Grid& g, const Product& product, bool is_folded) {
    begin_row(Work::data, g.layer, product.blocks());
    out.data.push_back(product);
    folded.push_back(char(is_folded));
  }

  // Every use of `node` by one grid.
  void add_uses(const Grid& g, int node) {
    for (std::size_t j = 0; j < g.sources.size(); j++) {
      const Source& s = g.sources[j];
      if (s.node != node || s.column < 0) continue;
      if (int(j) < g.doubled_sources) {
        uses.push_back({Use::folded, g.height / 2, g.width / 2, g.coarse_columns, s.column, {space(g.folded_parts), 0, 1}});
      } else {
        const Use use = s.map == Map::same ? Use::same : s.map == Map::up ? Use::up : Use::down;
        uses.push_back({use, g.height, g.width, g.data_columns, s.column, {space(g.parts), 0, 1}});
      }
    }
    for (const ShortcutPart& s : g.shortcut) {
      if (s.node == node) uses.push_back({Use::shortcut, g.height, g.width, g.channels, s.first, series(g.grad)});
    }
  }

  // Fields by layer of use, which is the order in which the launches take them.
  void add_fields() {
    if (!grads) return;
    for (std::size_t l = 0; l + 1 < p.layer_first.size(); l++) {
      for (std::size_t f = 0; f < p.spec.fields.size(); f++) {
        const Node& n = p.nodes[f];
        if (!n.gradient) continue;
        FieldRow<T> r{};
        r.layer = int(l);
        r.use = int(uses.size());
        for (int k = p.layer_first[l]; k < p.layer_first[l + 1]; k++) add_uses(p.grids[std::size_t(k)], int(f));
        r.uses = int(uses.size()) - r.use;
        if (r.uses == 0) continue;
        for (FieldRow<T>& lower : fields) lower.assign = lower.assign && lower.grad.base != grads->fields[f];
        r.assign = true;
        r.batch = p.batch, r.height = n.height, r.width = n.width, r.channels = n.channels;
        r.value = value(int(f));
        r.grad = {grads->fields[f], p.batch * n.area() * n.channels, p.steps};
        begin_row(Work::fields, r.layer, ceil_div(r.cells() * r.channels, cell_block));
        fields.push_back(r);
      }
    }
  }

  void begin_row(Work kind, int layer, i64 blocks) {
    WorkRows& rows = out.work[int(kind)];
    while (int(rows.first.size()) <= layer) rows.first.push_back(int(rows.before.size()) - 1);
    rows.before.push_back(rows.before.back() + blocks);
  }

  template <class Row>
  const Row* store(const std::vector<Row>& rows) {
    const std::size_t at = (out.bytes.size() + 63) / 64 * 64;
    out.bytes.resize(at + rows.size() * sizeof(Row));
    if (!rows.empty()) std::memcpy(out.bytes.data() + at, rows.data(), rows.size() * sizeof(Row));
    return reinterpret_cast<const Row*>(device + at);
  }

  const Plan& p;
  const NetworkArgs<T>& args;
  const NetworkGradients<T>* grads;
  char* device;
  BuiltTables<T> out;
  std::vector<GridRow<T>> grids;
  std::vector<char> folded;
  std::vector<WeightSum> weights;
  std::vector<SourceRow<T>> sources;
  std::vector<ShortcutRow<T>> shortcuts;
  std::vector<UseRow<T>> uses;
  std::vector<FieldRow<T>> fields;
};

}  // namespace

template <class T>
BuiltTables<T> build_tables(const Plan& plan, const NetworkArgs<T>& args, const NetworkGradients<T>* grads, char* device) {
  BuiltTables<T> tables = Builder<T>(plan, args, grads, device).build();
  if (i64(tables.bytes.size()) > plan.tables_bytes) fail("ERR_MG_CONFIG", "planNetwork: expected tables as long as planned");
  return tables;
}
template BuiltTables<float> build_tables(const Plan&, const NetworkArgs<float>&, const NetworkGradients<float>*, char*);
template BuiltTables<double> build_tables(const Plan&, const NetworkArgs<double>&, const NetworkGradients<double>*, char*);

i64 tables_bytes(const Plan& p) {
  std::size_t sources = 0, shortcuts = 0;
  for (const Grid& g : p.grids) sources += g.sources.size(), shortcuts += g.shortcut.size();
  const std::size_t uses = sources + shortcuts;  // of nodes
  std::size_t bytes = sizeof(Tables<double>) + 24 * 64;
  bytes += p.grids.size() * (sizeof(GridRow<double>) + 3 * sizeof(Product) + 2 + sizeof(WeightSum)) +
           sources * sizeof(SourceRow<double>);
  bytes += shortcuts * sizeof(ShortcutRow<double>) + uses * (sizeof(UseRow<double>) + sizeof(FieldRow<double>));
  bytes += (5 * p.grids.size() + uses + 5) * sizeof(i64) + 5 * p.layer_first.size() * sizeof(int);
  return i64(bytes);
}

}  // namespace mg
