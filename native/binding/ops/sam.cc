// Rows of the SAM and SDNC windows.
#include <limits>
#include <memory>

#include "../../ops/sam/sam.h"
#include "families.h"
#include "window.h"

namespace mg {

template <class T>
void read(SamState<T>& to, const std::vector<Storage>& s, int first) {
  using I = IndexOf<T>;
  to = {at<T>(s, first),     at<I>(s, first + 1), at<I>(s, first + 2),  at<I>(s, first + 3),
        at<T>(s, first + 4), at<T>(s, first + 5), at<T>(s, first + 6),  at<T>(s, first + 7),
        at<I>(s, first + 8), at<T>(s, first + 9), at<I>(s, first + 10), at<T>(s, first + 11)};
}
template <class T>
void read(SamTrace<T>& to, const std::vector<Storage>& s) {
  using I = IndexOf<T>;
  to = {at<T>(s, 0), at<T>(s, 1), at<T>(s, 2), at<I>(s, 3), at<I>(s, 4), at<T>(s, 5), at<I>(s, 6), at<T>(s, 7)};
}

namespace {

enum State { kMemory, kRing, kCounts, kSlots, kWeights, kWords, kHidden, kCell, kLinkSlots, kLinkWeights };  // then precedence

struct SamForwardArgs : WindowArgs {
  using WindowArgs::WindowArgs;
  const double delta = number("delta");
  const std::vector<i64>& mode = integers("mode");  // whether all is recorded, whether rows may be reused
};
struct SamBackwardArgs : WindowGradientArgs {
  using WindowGradientArgs::WindowGradientArgs;
  const double delta = number("delta");
  const std::vector<i64>& wanted = integers("wanted");  // whether the gradients of the memory and of its start are
};

// dims: [T, B, I, H, N, W, R, K, K_L, capacity before, capacity, live bound, strength, links as printed, index, checks]
template <class A>
SamDims sam_dims(const Call& c, const A& a) {
  SamDims d = window_dims<SamDims>(c, a, 16);
  const std::vector<i64>& n = a.dims;
  d.heads = n[6], d.kept = n[7], d.links = n[8], d.capacity_before = n[9], d.capacity = n[10], d.live_bound = n[11];
  d.strength = n[12] != 0, d.paper_links = n[13] != 0, d.delta = a.delta;
  if (n[14] < 0 || n[14] > i64(SamIndex::kdtree)) c.refuse("ERR_MG_SHAPE", "an index of 0 to 3", n[14]);
  d.index = SamIndex(n[14]), d.checks = n[15];
  expect_sizes(c, d, {d.heads, d.kept, d.capacity_before, d.capacity});
  if (d.kept > d.slots) c.refuse("ERR_MG_SHAPE", "at most as many reads as slots", d.kept);
  if (d.heads > d.slots) c.refuse("ERR_MG_SHAPE", "at most as many heads as slots", d.heads);
  if (d.links > most_links) c.refuse("ERR_MG_SHAPE", "at most " + std::to_string(most_links) + " links of a slot", d.links);
  if (d.indexed() && c.on_gpu()) c.refuse("ERR_MG_DEVICE", "an index that a GPU has, live or linear", "another");
  if (d.indexed() && d.checks < 1) c.refuse("ERR_MG_SHAPE", "at least one check", d.checks);
  if (d.indexed() && d.capacity > most_indexed) c.refuse("ERR_MG_SHAPE", "fewer rows to index", d.capacity);
  product({d.steps, d.batch, product({d.heads, d.kept + 1, d.word + 2 + 16 * d.links}), 64});  // throw unless they fit
  product({d.steps, d.batch, d.heads, d.mixed(), 64});
  if (product({d.capacity, 2 * d.heads, d.links}) > std::numeric_limits<i32>::max())
    c.refuse("ERR_MG_SHAPE", "fewer than 2^31 links", d.capacity);
  product({d.batch, d.capacity + d.capacity_before, 2 * d.heads, d.links + 1, 64});
  product({d.batch, d.capacity + d.capacity_before, d.word + 2, 64});
  const i64 wide = product({d.inputs + 8 * d.hidden + 8 * product({d.word + 4, d.heads}), 8});
  product({d.steps, d.batch, wide});
  product({d.hidden + 1, wide, 8});
  if (d.live_bound > d.capacity_before) c.refuse("ERR_MG_SHAPE", "at most as many live rows as there are", d.live_bound);
  if (d.capacity < d.most_live()) c.refuse("ERR_MG_SHAPE", "a capacity of " + std::to_string(d.most_live()), d.capacity);
  expect_interface(c, d);
  return d;
}

WindowTensors sam_state(const SamDims& d, i64 capacity) {
  const i64 B = d.batch, links = B * capacity * 2 * d.linked();
  return {{"memory", B * capacity * d.word},
          {"ring", B * (capacity + 1) * 2, true},
          {"counts", B * 2, true},
          {"slots", B * d.read(), true},
          {"weights", B * d.read()},
          {"words", B * d.words()},
          {"hidden", B * d.hidden},
          {"cell", B * d.hidden},
          {"link slots", links, true},
          {"link weights", links},
          {"precedence slots", B * d.linked(), true},
          {"precedence weights", B * d.linked()}};
}
WindowShape sam_shape(const SamDims& d) {
  const i64 rows = d.steps * d.batch, mixed = rows * d.heads * d.mixed();
  return {d,
          sam_state(d, d.capacity_before),
          sam_state(d, d.capacity),
          {{"gates", rows * 4 * d.hidden},
           {"cell", rows * d.hidden},
           {"rows", rows * d.written() * d.word},
           {"changed", rows * d.written(), true},
           {"slots", rows * d.read(), true},
           {"weights", rows * d.read()},
           {"mixed slots", mixed, true},
           {"mixed", 3 * mixed}}};
}
// No gradient passes into indices and links.
bool is_constant(int input) {
  const int part = input - kBefore;
  return part == kRing || part == kCounts || part == kSlots || part >= kLinkSlots;
}

void call_forward(Call& c, const SamForwardArgs& a) {
  const SamDims d = sam_dims(c, a);
  c.expect_dims(a.mode, 2);
  const bool recorded = a.mode[0] != 0, in_place = a.mode[1] != 0;
  if (recorded && in_place) c.refuse("ERR_MG_SHAPE", "rows to be reused only where nothing is recorded", "both");
  if (in_place && d.capacity != d.capacity_before) c.refuse("ERR_MG_SHAPE", "rows to be reused where they suffice", d.capacity);
  const WindowShape shape = sam_shape(d);
  const auto reused = [&](int part) { return in_place ? kAfter + part : -1; };
  const ForwardStorages s(c, a, d, shape, recorded, {reused(kMemory), reused(kRing), reused(kLinkSlots), reused(kLinkWeights)});
  const int workers = c.workers();
  const std::shared_ptr<const bool> continues = in_place ? c.continues() : nullptr;
  by_float(s.dtype(), [&](auto t) {
    using T = decltype(t);
    const Storage space = c.workspace(MG_EITHER(c.on_gpu(), cuda::sam_forward_bytes<T>(d), sam_forward_workspace<T>(d, workers)));
    c.run([=](const Target& on) {
      SamForward<T> job;
      fill_job(job, d, s);
      MG_EITHER(on.on_gpu(), cuda::sam_forward<T>(on.stream(), job, space.as<void>()),
                sam_forward<T>(job, space.as<void>(), workers, continues && *continues));
    });
  });
}

void call_backward(Call& c, const SamBackwardArgs& a) {
  const SamDims d = sam_dims(c, a);
  c.expect_dims(a.wanted, 2);
  const bool wants_memory = a.wanted[0] != 0, wants_start = a.wanted[1] != 0;
  const WindowShape shape = sam_shape(d);
  const BackwardStorages s(c, a, d, shape, 3, [&](int i) { return !is_constant(i) && (i != kBefore + kMemory || wants_memory); });
  const Storage start = wants_start ? c.result(s.dtype(), shape.outputs[kAfter + kMemory].count) : Storage{};
  const int workers = c.workers();
  by_float(s.dtype(), [&](auto t) {
    using T = decltype(t);
    const Storage space =
        c.workspace(MG_EITHER(c.on_gpu(), cuda::sam_backward_bytes<T>(d), sam_backward_workspace<T>(d, workers)));
    c.run([=](const Target& on) {
      SamBackward<T> job;
      fill_job(job, d, s);
      SamState<const T>& dafter = job.dafter;
      dafter.ring = dafter.counts = dafter.slots = dafter.link_slots = dafter.precedence_slots = nullptr;
      job.memory_after = at<const T>(s.outputs, kAfter + kMemory);
      job.start = or_null<T>(start);
      MG_EITHER(on.on_gpu(), cuda::sam_backward<T>(on.stream(), job, space.as<void>()),
                sam_backward<T>(job, space.as<void>(), workers));
    });
  });
}

}  // namespace

OpRows sam_ops() {
  return {
      op<call_forward>("samForward", "Storage[]"),
      op<call_backward>("samBackward", "Storage[]"),
  };
}

}  // namespace mg
