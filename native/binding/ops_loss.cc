#include "../ops/loss/loss.h"
#include "../ops/softmax/softmax.h"
#include "families.h"

namespace mg {
namespace {

template <class T>
const T* or_null(const Storage& s) {
  return s.buffer ? s.as<T>() : nullptr;
}

// Checks logits, target and mask from argument `first` on.
BceDims bce_dims(Call& c, std::size_t first, std::size_t dims) {
  c.expect_dims(dims, 2);
  const BceDims d{c.dims(dims)[0], c.dims(dims)[1]};
  const Storage& logits = c.in(first);
  c.expect_float(logits, "logits");
  c.expect(logits, "logits", logits.dtype, d.count);
  c.expect(c.in(first + 1), "target", logits.dtype, d.count);
  if (d.span < 1 || d.count % d.span != 0) c.refuse("ERR_MG_SHAPE", "a span that divides " + std::to_string(d.count), d.span);
  if (c.has(first + 2)) c.expect(c.in(first + 2), "mask", logits.dtype, d.count / d.span);
  return d;
}

void call_bce(Call& c) {
  const BceDims d = bce_dims(c, 0, 3);
  const Storage logits = c.in(0), target = c.in(1), mask = c.in(2);
  const Storage loss = c.result(logits.dtype, 1), partials = c.workspace(d.blocks() * 8);
  c.run([=](const Target& on) {
    by_float(logits.dtype, [&](auto t) {
      using T = decltype(t);
      MG_ON(on, bce_forward<T>, d, logits.as<T>(), target.as<T>(), or_null<T>(mask), loss.as<T>(), partials.as<double>());
    });
  });
}

void call_bce_backward(Call& c) {
  const BceDims d = bce_dims(c, 1, 4);
  const Storage dy = c.in(0), logits = c.in(1), target = c.in(2), mask = c.in(3);
  c.expect(dy, "dy", logits.dtype, 1);
  const Storage dlogits = c.result(logits.dtype, d.count);
  c.run([=](const Target& on) {
    by_float(logits.dtype, [&](auto t) {
      using T = decltype(t);
      MG_ON(on, bce_backward<T>, d, dy.as<T>(), logits.as<T>(), target.as<T>(), or_null<T>(mask), dlogits.as<T>());
    });
  });
}

// Checks logits, classes and mask from argument `first` on.
ClassDims class_dims(Call& c, std::size_t first, std::size_t dims) {
  c.expect_dims(dims, 2);
  const ClassDims d{c.dims(dims)[0], c.dims(dims)[1]};
  const Storage& logits = c.in(first);
  c.expect_float(logits, "logits");
  c.expect(logits, "logits", logits.dtype, d.rows * d.classes);
  c.expect(c.in(first + 1), "classes", DType::int32, d.rows);
  if (c.has(first + 2)) c.expect(c.in(first + 2), "mask", logits.dtype, d.rows);
  return d;
}

void call_cross_entropy(Call& c) {
  const ClassDims d = class_dims(c, 0, 3);
  const Storage logits = c.in(0), classes = c.in(1), mask = c.in(2);
  const Storage loss = c.result(logits.dtype, 1), partials = c.workspace(d.blocks() * 8);
  c.run([=](const Target& on) {
    by_float(logits.dtype, [&](auto t) {
      using T = decltype(t);
      MG_ON(on, cross_entropy_forward<T>, d, logits.as<T>(), classes.as<std::int32_t>(), or_null<T>(mask), loss.as<T>(),
            partials.as<double>());
    });
  });
}

void call_cross_entropy_backward(Call& c) {
  const ClassDims d = class_dims(c, 1, 4);
  const Storage dy = c.in(0), logits = c.in(1), classes = c.in(2), mask = c.in(3);
  c.expect(dy, "dy", logits.dtype, 1);
  const Storage dlogits = c.result(logits.dtype, logits.count);
  c.run([=](const Target& on) {
    by_float(logits.dtype, [&](auto t) {
      using T = decltype(t);
      MG_ON(on, cross_entropy_backward<T>, d, dy.as<T>(), logits.as<T>(), classes.as<std::int32_t>(), or_null<T>(mask),
            dlogits.as<T>());
    });
  });
}

SoftmaxDims softmax_dims(const Call& c, std::size_t dims) {
  c.expect_dims(dims, 3);
  return {c.dims(dims)[0] != 0, c.dims(dims)[1], c.dims(dims)[2]};
}

void call_softmax(Call& c) {
  const SoftmaxDims d = softmax_dims(c, 1);
  const Storage x = c.in(0);
  c.expect_float(x, "x");
  c.expect(x, "x", x.dtype, d.rows * d.length);
  const Storage y = c.result(x.dtype, x.count);
  c.run([=](const Target& on) {
    by_float(x.dtype, [&](auto t) {
      using T = decltype(t);
      MG_ON(on, softmax_forward<T>, d, x.as<T>(), y.as<T>());
    });
  });
}

void call_softmax_backward(Call& c) {
  const SoftmaxDims d = softmax_dims(c, 2);
  const Storage dy = c.in(0), y = c.in(1);
  c.expect_float(y, "y");
  c.expect(y, "y", y.dtype, d.rows * d.length);
  c.expect(dy, "dy", y.dtype, y.count);
  const Storage dx = c.result(y.dtype, y.count);
  c.run([=](const Target& on) {
    by_float(y.dtype, [&](auto t) {
      using T = decltype(t);
      MG_ON(on, softmax_backward<T>, d, dy.as<T>(), y.as<T>(), dx.as<T>());
    });
  });
}

}  // namespace

OpRows loss_ops() {
  return {
      {"bce", {in("logits"), in("target"), in_or_null("mask"), dims("dims")}, "Storage", call_bce},
      {"bceBackward", {in("dy"), in("logits"), in("target"), in_or_null("mask"), dims("dims")}, "Storage", call_bce_backward},
      {"crossEntropy", {in("logits"), in("classes"), in_or_null("mask"), dims("dims")}, "Storage", call_cross_entropy},
      {"crossEntropyBackward",
       {in("dy"), in("logits"), in("classes"), in_or_null("mask"), dims("dims")},
       "Storage",
       call_cross_entropy_backward},
      {"softmax", {in("x"), dims("dims")}, "Storage", call_softmax},
      {"softmaxBackward", {in("dy"), in("y"), dims("dims")}, "Storage", call_softmax_backward},
  };
}

}  // namespace mg
