// Rows of the DAM windows.
#include "../../ops/dam/dam.h"
#include "families.h"
#include "window.h"

namespace mg {

template <class T>
void read(DamState<T>& to, const std::vector<Storage>& s, int first) {
  to = {at<T>(s, first), at<T>(s, first + 1), at<T>(s, first + 2), at<T>(s, first + 3), at<T>(s, first + 4), at<T>(s, first + 5)};
}
template <class T>
void read(DamTrace<T>& to, const std::vector<Storage>& s) {
  to = {at<T>(s, 0), at<T>(s, 1), at<T>(s, 2), at<T>(s, 3), at<IndexOf<T>>(s, 4)};
}

namespace {

struct DamForwardArgs : WindowArgs {
  using WindowArgs::WindowArgs;
  const double discount = number("discount");
  const std::vector<i64>& mode = integers("mode");  // whether all is recorded
};
struct DamBackwardArgs : WindowGradientArgs {
  using WindowGradientArgs::WindowGradientArgs;
  const double discount = number("discount");
};

// dims: [T, B, I, H, N, W, R, strength]
template <class A>
DamDims dam_dims(const Call& c, const A& a) {
  DamDims d = window_dims<DamDims>(c, a, 8);
  d.heads = a.dims[6], d.strength = a.dims[7] != 0, d.discount = a.discount;
  expect_sizes(c, d, {d.heads});
  if (d.heads > d.slots) c.refuse("ERR_MG_SHAPE", "at most as many heads as slots", d.heads);
  product({d.steps + 1, product({d.batch, d.slots + 16, d.word + 3 * d.heads, 8})});  // throw unless they fit
  const i64 wide = product({d.inputs + 8 * d.hidden + 8 * product({d.word + 4, d.heads}), 8});
  product({d.steps, d.batch, wide});
  product({d.hidden + 1, wide, 8});
  product({d.steps + 3, product({8 * (d.slots + 16), d.word + 4 * d.heads + 8, 64})});
  expect_interface(c, d);
  return d;
}

WindowShape dam_shape(const DamDims& d) {
  const i64 B = d.batch, N = d.slots, rows = d.steps * B;
  const WindowTensors state = {{"memory", B * N * d.word}, {"usage", B * N},         {"read", B * d.heads * N},
                               {"words", B * d.words()},   {"hidden", B * d.hidden}, {"cell", B * d.hidden}};
  return {d,
          state,
          state,
          {{"gates", rows * 4 * d.hidden},
           {"cell", rows * d.hidden},
           {"interface", rows * interface_size(d)},
           {"read", rows * d.heads * d.pitch()},
           {"popped", rows * d.heads, true}}};
}

void call_forward(Call& c, const DamForwardArgs& a) {
  const DamDims d = dam_dims(c, a);
  c.expect_dims(a.mode, 1);
  const WindowShape shape = dam_shape(d);
  const ForwardStorages s(c, a, d, shape, a.mode[0] != 0);
  const int workers = c.workers();
  by_float(s.dtype(), [&](auto t) {
    using T = decltype(t);
    const Storage space = c.workspace(MG_EITHER(c.on_gpu(), cuda::dam_forward_bytes<T>(d), dam_forward_workspace<T>(d, workers)));
    c.run([=](const Target& on) {
      DamForward<T> job;
      fill_job(job, d, s);
      MG_EITHER(on.on_gpu(), cuda::dam_forward<T>(on.stream(), job, space.as<void>()),
                dam_forward<T>(job, space.as<void>(), workers));
    });
  });
}

void call_backward(Call& c, const DamBackwardArgs& a) {
  const DamDims d = dam_dims(c, a);
  const WindowShape shape = dam_shape(d);
  const BackwardStorages s(c, a, d, shape, 2, [](int) { return true; });
  const int workers = c.workers();
  by_float(s.dtype(), [&](auto t) {
    using T = decltype(t);
    const Storage space =
        c.workspace(MG_EITHER(c.on_gpu(), cuda::dam_backward_bytes<T>(d), dam_backward_workspace<T>(d, workers)));
    c.run([=](const Target& on) {
      DamBackward<T> job;
      fill_job(job, d, s);
      MG_EITHER(on.on_gpu(), cuda::dam_backward<T>(on.stream(), job, space.as<void>()),
                dam_backward<T>(job, space.as<void>(), workers));
    });
  });
}

}  // namespace

OpRows dam_ops() {
  return {
      op<call_forward>("damForward", "Storage[]"),
      op<call_backward>("damBackward", "Storage[]"),
  };
}

}  // namespace mg
