// Plans of fused networks, kept per description.
#include "network.h"

#include <unordered_map>

#include "../base/check.h"

namespace mg {
namespace {

// Reads the Int32Array of lib/ops/network/network-spec.ts field by field.
class SpecReader {
 public:
  SpecReader(const char* op, const std::vector<i64>& words) : op_(op), words_(words) {}
  i64 next() {
    if (at_ >= words_.size()) refuse("a longer network description", words_.size(), " words");
    return words_[at_++];
  }
  int integer() { return int(next()); }
  bool flag() { return next() != 0; }
  i64 length() {
    const i64 n = next();
    if (n < 0 || n > i64(words_.size())) refuse("list lengths within the description", n);
    return n;
  }
  std::vector<int> integers() {
    std::vector<int> list(length());
    for (int& value : list) value = integer();
    return list;
  }
  void expect_end() const {
    if (at_ != words_.size()) refuse(std::to_string(at_) + " words of network description", words_.size());
  }

  template <class Number>
  [[noreturn]] void refuse(const std::string& expected, Number got, const char* unit = "") const {
    fail("ERR_MG_ARGUMENT", std::string(op_) + ": expected " + expected + ", got " + std::to_string(got) + unit);
  }

 private:
  const char* op_;
  const std::vector<i64>& words_;
  std::size_t at_ = 0;
};

NetworkSpec read_spec(const char* op, const NetworkKey& key) {
  SpecReader r(op, key.words);
  NetworkSpec spec;
  spec.dimensions = r.integer();
  spec.kernel_size = r.next();
  spec.batch = r.next();
  spec.steps = r.next();
  spec.backward = r.flag();
  spec.machine = r.flag() ? Machine::cuda : Machine::cpu;
  const i64 precision = r.next();
  if (precision < 0 || precision > 2) r.refuse("a precision of 0 to 2", precision);
  spec.precision = Precision(precision);
  for (const int side : r.integers()) spec.sides.push_back(side);
  spec.fields.resize(std::size_t(r.length()));
  for (FieldSpec& field : spec.fields) {
    field.level = r.integer();
    field.channels = r.next();
    field.gradient = r.flag();
  }
  spec.input = r.integers();
  spec.layers.resize(std::size_t(r.length()));
  for (LayerSpec& layer : spec.layers) {
    layer.kind = r.flag() ? LayerKind::conv_lstm : LayerKind::conv;
    layer.low = r.integer();
    layer.high = r.integer();
    layer.channels = r.next();
    layer.relu = r.flag();
    layer.peephole = r.flag();
    layer.norm = r.flag() ? NormKind::window : NormKind::none;
    layer.shortcut = r.integer();
    layer.output = r.flag();
    layer.memory = r.integers();
    layer.forget_bias = key.forget_bias;
    layer.epsilon = key.epsilon;
  }
  r.expect_end();
  spec.budget_bytes = budget_bytes(op, key.budget_bytes);
  return spec;
}

struct KeyHash {
  std::size_t operator()(const NetworkKey& key) const {
    const double numbers = key.forget_bias * 31 + key.epsilon * 17 + key.budget_bytes;
    std::size_t hash = std::hash<double>()(numbers) ^ std::size_t(key.element_bytes);
    for (const i64 word : key.words) hash = hash * 1000003u + std::size_t(word);
    return hash;
  }
};

}  // namespace

bool operator==(const NetworkKey& a, const NetworkKey& b) {
  return a.words == b.words && a.forget_bias == b.forget_bias && a.epsilon == b.epsilon && a.budget_bytes == b.budget_bytes &&
         a.element_bytes == b.element_bytes;
}

// One cache per JavaScript thread; a shape that has not been used for a while is planned again.
PlannedNetwork planned_network(const char* op, const NetworkKey& key, int workers) {
  thread_local std::unordered_map<NetworkKey, PlannedNetwork, KeyHash> plans;
  constexpr std::size_t kMostPlans = 64;
  const auto found = plans.find(key);
  if (found != plans.end()) {
    const Plan& plan = *found->second.plan;
    if (plan.workers == workers || plan.spec.machine == Machine::cuda) return found->second;
  }
  if (plans.size() >= kMostPlans) plans.clear();
  auto plan = std::make_shared<const Plan>(plan_network(read_spec(op, key), key.element_bytes, workers));
  return plans[key] = {std::move(plan), std::make_shared<Recordings>()};
}

}  // namespace mg
