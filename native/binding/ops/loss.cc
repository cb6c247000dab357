// Rows of the losses and of the softmax.
#include "../../ops/loss/loss.h"
#include "../../ops/softmax/softmax.h"
#include "families.h"

namespace mg {
namespace {

struct DyArgs : Args {
  using Args::Args;
  const Storage& dy = storage("dy");
};
template <class First>  // Args, or DyArgs for the gradient
struct BceArgs : First {
  using First::First;
  const Storage &logits = this->storage("logits"), &target = this->storage("target"), &mask = this->storage_or_null("mask");
  const std::vector<i64>& dims = this->integers("dims");
};

template <class A>
BceDims bce_dims(const Call& c, const A& a) {
  c.expect_dims(a.dims, 2);
  const BceDims d{a.dims[0], a.dims[1]};
  c.expect_float(a.logits, "logits");
  const DType dtype = a.logits.dtype;
  c.expect(a.logits, "logits", dtype, d.count);
  c.expect(a.target, "target", dtype, d.count);
  if (d.span < 1 || d.count % d.span != 0) c.refuse("ERR_MG_SHAPE", "a span that divides " + std::to_string(d.count), d.span);
  if (has(a.mask)) c.expect(a.mask, "mask", dtype, d.count / d.span);
  return d;
}

void call_bce(Call& c, const BceArgs<Args>& a) {
  const BceDims d = bce_dims(c, a);
  const Storage logits = a.logits, target = a.target, mask = a.mask;
  const Storage loss = c.result(logits.dtype, 1), partials = c.workspace(d.blocks() * 8);
  c.run(logits.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, bce_forward<T>, d, logits.as<T>(), target.as<T>(), or_null<T>(mask), loss.as<T>(), partials.as<double>());
  });
}

void call_bce_backward(Call& c, const BceArgs<DyArgs>& a) {
  const BceDims d = bce_dims(c, a);
  const Storage dy = a.dy, logits = a.logits, target = a.target, mask = a.mask;
  c.expect(dy, "dy", logits.dtype, 1);
  const Storage dlogits = c.result(logits.dtype, d.count);
  c.run(logits.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, bce_backward<T>, d, dy.as<T>(), logits.as<T>(), target.as<T>(), or_null<T>(mask), dlogits.as<T>());
  });
}

template <class First>
struct CrossEntropyArgs : First {
  using First::First;
  const Storage &logits = this->storage("logits"), &classes = this->storage("classes"), &mask = this->storage_or_null("mask");
  const std::vector<i64>& dims = this->integers("dims");
};

template <class A>
ClassDims class_dims(const Call& c, const A& a) {
  c.expect_dims(a.dims, 2);
  const ClassDims d{a.dims[0], a.dims[1]};
  c.expect_float(a.logits, "logits");
  c.expect(a.logits, "logits", a.logits.dtype, d.rows * d.classes);
  c.expect(a.classes, "classes", DType::int32, d.rows);
  if (has(a.mask)) c.expect(a.mask, "mask", a.logits.dtype, d.rows);
  return d;
}

void call_cross_entropy(Call& c, const CrossEntropyArgs<Args>& a) {
  const ClassDims d = class_dims(c, a);
  const Storage logits = a.logits, classes = a.classes, mask = a.mask;
  const Storage loss = c.result(logits.dtype, 1), partials = c.workspace(d.blocks() * 8);
  c.run(logits.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, cross_entropy_forward<T>, d, logits.as<T>(), classes.as<std::int32_t>(), or_null<T>(mask), loss.as<T>(),
          partials.as<double>());
  });
}

void call_cross_entropy_backward(Call& c, const CrossEntropyArgs<DyArgs>& a) {
  const ClassDims d = class_dims(c, a);
  const Storage dy = a.dy, logits = a.logits, classes = a.classes, mask = a.mask;
  c.expect(dy, "dy", logits.dtype, 1);
  const Storage dlogits = c.result(logits.dtype, logits.count);
  c.run(logits.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, cross_entropy_backward<T>, d, dy.as<T>(), logits.as<T>(), classes.as<std::int32_t>(), or_null<T>(mask),
          dlogits.as<T>());
  });
}

SoftmaxDims softmax_dims(const Call& c, const std::vector<i64>& dims) {
  c.expect_dims(dims, 3);
  return {dims[0] != 0, dims[1], dims[2]};
}

void call_softmax(Call& c, const TensorArgs& a) {
  const SoftmaxDims d = softmax_dims(c, a.dims);
  const Storage x = a.x;
  c.expect_float(x, "x");
  c.expect(x, "x", x.dtype, d.rows * d.length);
  const Storage y = c.result(x.dtype, x.count);
  c.run(x.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, softmax_forward<T>, d, x.as<T>(), y.as<T>());
  });
}

struct SoftmaxBackwardArgs : Args {
  using Args::Args;
  const Storage &dy = storage("dy"), &y = storage("y");
  const std::vector<i64>& dims = integers("dims");
};

void call_softmax_backward(Call& c, const SoftmaxBackwardArgs& a) {
  const SoftmaxDims d = softmax_dims(c, a.dims);
  const Storage dy = a.dy, y = a.y;
  c.expect_float(y, "y");
  c.expect(y, "y", y.dtype, d.rows * d.length);
  c.expect(dy, "dy", y.dtype, y.count);
  const Storage dx = c.result(y.dtype, y.count);
  c.run(y.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    MG_ON(on, softmax_backward<T>, d, dy.as<T>(), y.as<T>(), dx.as<T>());
  });
}

}  // namespace

OpRows loss_ops() {
  return {
      op<call_bce>("bce", "Storage"),
      op<call_bce_backward>("bceBackward", "Storage"),
      op<call_cross_entropy>("crossEntropy", "Storage"),
      op<call_cross_entropy_backward>("crossEntropyBackward", "Storage"),
      op<call_softmax>("softmax", "Storage"),
      op<call_softmax_backward>("softmaxBackward", "Storage"),
  };
}

}  // namespace mg
