// Rows of the DNC windows.
#include "../../ops/dnc/dnc.h"
#include "families.h"
#include "window.h"

namespace mg {

template <class T>
void read(DncState<T>& to, const std::vector<Storage>& s, int first) {
  to = {at<T>(s, first),     at<T>(s, first + 1), at<T>(s, first + 2), at<T>(s, first + 3), at<T>(s, first + 4),
        at<T>(s, first + 5), at<T>(s, first + 6), at<T>(s, first + 7), at<T>(s, first + 8)};
}
template <class T>
void read(DncTrace<T>& to, const std::vector<Storage>& s) {
  to = {at<T>(s, 0), at<T>(s, 1), at<T>(s, 2), at<T>(s, 3), at<T>(s, 4), at<T>(s, 5)};
}

namespace {

struct DncForwardArgs : WindowArgs {
  using WindowArgs::WindowArgs;
  const std::vector<i64>& mode = integers("mode");  // whether all is recorded, whether links may be updated in place
};
struct DncBackwardArgs : WindowGradientArgs {
  using WindowGradientArgs::WindowGradientArgs;
  const std::vector<i64>& wanted = integers("wanted");  // whether the gradient of the links is
  const double link_budget_bytes = number("linkBudgetBytes");
};

// dims: [T, B, I, H, N, W, R, V, oneplus, usage gradient, content second]
template <class A>
DncDims dnc_dims(const Call& c, const A& a) {
  DncDims d = window_dims<DncDims>(c, a, 11);
  const std::vector<i64>& n = a.dims;
  d.reads = n[6], d.writes = n[7], d.oneplus = n[8] != 0, d.usage_gradient = n[9] != 0, d.content_second = n[10] != 0;
  expect_sizes(c, d, {d.reads, d.writes});
  const i64 most = product({d.slots + 16, d.slots + 16, d.writes, d.batch});  // throws unless they fit
  product({d.steps + 1, d.batch, d.slots + 16, d.word + d.reads + 3 * d.writes, 8});
  const i64 wide = product({d.inputs + 8 * d.hidden + 8 * (d.word + 4) * (d.reads + d.writes), 8});
  product({d.steps, d.batch, wide});
  product({d.hidden + 1, wide});
  product({most, 64});
  expect_interface(c, d);
  return d;
}

constexpr int link_of_state = 2;

WindowShape dnc_shape(const DncDims& d) {
  const i64 B = d.batch, N = d.slots, rows = d.steps * B, pitch = d.pitch();
  const WindowTensors state = {{"memory", B * N * d.word},       {"usage", B * N},          {"link", B * d.writes * d.links()},
                               {"precedence", B * d.writes * N}, {"read", B * d.reads * N}, {"write", B * d.writes * N},
                               {"words", B * d.words()},         {"hidden", B * d.hidden},  {"cell", B * d.hidden}};
  return {d,
          state,
          state,
          {{"gates", rows * 4 * d.hidden},
           {"cell", rows * d.hidden},
           {"interface", rows * interface_size(d)},
           {"write", rows * d.writes * pitch},
           {"read", rows * d.reads * pitch},
           {"usage", rows * pitch}}};
}

void call_forward(Call& c, const DncForwardArgs& a) {
  const DncDims d = dnc_dims(c, a);
  c.expect_dims(a.mode, 2);
  const bool recorded = a.mode[0] != 0, in_place = a.mode[1] != 0;
  if (recorded && in_place) c.refuse("ERR_MG_SHAPE", "links to be reused only where nothing is recorded", "both");
  const WindowShape shape = dnc_shape(d);
  const ForwardStorages s(c, a, d, shape, recorded, {in_place ? kAfter + link_of_state : -1});
  const int workers = c.workers();
  by_float(s.dtype(), [&](auto t) {
    using T = decltype(t);
    const Storage space = c.workspace(MG_EITHER(c.on_gpu(), cuda::dnc_forward_bytes<T>(d), dnc_forward_workspace<T>(d, workers)));
    c.run([=](const Target& on) {
      DncForward<T> job;
      fill_job(job, d, s);
      MG_EITHER(on.on_gpu(), cuda::dnc_forward<T>(on.stream(), job, space.as<void>()),
                dnc_forward<T>(job, space.as<void>(), workers));
    });
  });
}

void call_backward(Call& c, const DncBackwardArgs& a) {
  const DncDims d = dnc_dims(c, a);
  c.expect_dims(a.wanted, 1);
  const bool wants_link = a.wanted[0] != 0;
  const i64 budget = budget_bytes(c.op(), a.link_budget_bytes);
  const WindowShape shape = dnc_shape(d);
  const BackwardStorages s(c, a, d, shape, 2, [&](int input) { return input != kBefore + link_of_state || wants_link; });
  const int workers = c.workers();
  by_float(s.dtype(), [&](auto t) {
    using T = decltype(t);
    const Storage space = c.workspace(MG_EITHER(c.on_gpu(), cuda::dnc_backward_bytes<T>(d, budget, wants_link),
                                                dnc_backward_workspace<T>(d, budget, wants_link, workers)));
    c.run([=](const Target& on) {
      DncBackward<T> job;
      fill_job(job, d, s);
      job.link_budget_bytes = budget;
      MG_EITHER(on.on_gpu(), cuda::dnc_backward<T>(on.stream(), job, space.as<void>()),
                dnc_backward<T>(job, space.as<void>(), workers));
    });
  });
}

}  // namespace

OpRows dnc_ops() {
  return {
      op<call_forward>("dncForward", "Storage[]"),
      op<call_backward>("dncBackward", "Storage[]"),
  };
}

}  // namespace mg
