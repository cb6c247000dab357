// test/native/run.sh test/native/conv_check.cc [seed]
// Convolution against a double loop in float64, on every instruction set of the machine; same bits for 1, 2 and 4 threads.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "../../native/base/host/pool.h"
#include "../../native/base/host/simd.h"
#include "../../native/ops/conv/conv.h"

using namespace mg;

namespace {

int failures = 0;

struct Case {
  i64 batch, height, width, kernel_height, kernel_width;
  std::vector<i64> channels;
  i64 outputs;
};

template <class T>
struct Problem {
  ConvDims d;
  std::vector<std::vector<T>> x, dx;
  std::vector<T> kernel, bias, y, dy, dkernel, dbias;
  std::vector<char> space;

  Problem(const Case& c, unsigned seed) {
    d = {c.batch, c.height, c.width, c.kernel_height, c.kernel_width, int(c.channels.size())};
    for (std::size_t j = 0; j < c.channels.size(); j++) d.channels[j] = c.channels[j];
    d.outputs = c.outputs;
    std::mt19937 rng(seed);
    std::uniform_real_distribution<double> u(-1, 1);
    auto fill = [&](std::vector<T>& v, i64 n) {
      v.resize(std::size_t(n));
      for (T& e : v) e = T(u(rng));
    };
    x.resize(c.channels.size());
    dx.resize(c.channels.size());
    for (std::size_t j = 0; j < c.channels.size(); j++) fill(x[j], d.pixels() * d.channels[j]), dx[j].assign(x[j].size(), T(7));
    fill(kernel, d.kernel_size());
    fill(bias, d.outputs);
    fill(dy, d.pixels() * d.outputs);
    y.assign(dy.size(), T(7));
    dkernel.assign(kernel.size(), T(7));
    dbias.assign(bias.size(), T(7));
  }
  void run() {
    const int workers = Pool::get().size();
    space.assign(std::size_t(conv_workspace_bytes<T>(d, workers)) + 64, char(0x7f));
    void* ws = space.data() + (64 - reinterpret_cast<std::uintptr_t>(space.data()) % 64);
    std::vector<const T*> in;
    std::vector<T*> out;
    for (std::size_t j = 0; j < x.size(); j++) in.push_back(x[j].data()), out.push_back(dx[j].data());
    conv_forward<T>(d, in.data(), kernel.data(), bias.data(), y.data(), ws, workers);
    conv_backward_data<T>(d, dy.data(), kernel.data(), out.data(), ws, workers);
    conv_backward_weight<T>(d, in.data(), dy.data(), dkernel.data(), dbias.data(), ws, workers);
  }
  // The definition, one product at a time: visit(output pixel, input pixel, input, channel, row of the kernel).
  template <class F>
  void each_product(F&& visit) const {
    for (i64 b = 0; b < d.batch; b++)
      for (i64 p = 0; p < d.height; p++)
        for (i64 q = 0; q < d.width; q++)
          for (i64 r = 0; r < d.kernel_height; r++)
            for (i64 s = 0; s < d.kernel_width; s++) {
              const i64 a = p + r - d.kernel_height / 2, e = q + s - d.kernel_width / 2;
              if (a < 0 || e < 0 || a >= d.height || e >= d.width) continue;
              i64 row = (r * d.kernel_width + s) * d.in_channels();
              for (int j = 0; j < d.inputs; j++)
                for (i64 c = 0; c < d.channels[j]; c++)
                  visit((b * d.height + p) * d.width + q, (b * d.height + a) * d.width + e, j, c, row++);
            }
  }
};

// Largest error over the largest magnitude, which counts as the square root of `terms` at least: the size of a sum of that many
// independent terms of order one, however much of it happens to cancel.
template <class A, class B>
double worst(const std::vector<A>& got, const std::vector<B>& want, i64 terms) {
  double most = std::sqrt(double(terms)), error = 0;
  for (double v : want) most = std::max(most, std::fabs(v));
  for (std::size_t k = 0; k < want.size(); k++) {
    error = std::max(error, std::isnan(double(got[k])) ? 1e9 : std::fabs(got[k] - want[k]));
  }
  return error / std::max(most, 1.0);
}

template <class T>
void check(const Case& c, unsigned seed, double tolerance) {
  Problem<T> p(c, seed);
  const i64 N = p.d.outputs;
  std::vector<double> y(p.y.size()), dk(p.kernel.size()), db(p.bias.size());
  std::vector<std::vector<double>> dx;
  for (auto& v : p.x) dx.emplace_back(v.size());
  for (std::size_t k = 0; k < y.size(); k++) y[k] = p.bias[k % std::size_t(N)], db[k % std::size_t(N)] += p.dy[k];
  p.each_product([&](i64 o, i64 i, int j, i64 ch, i64 row) {
    const std::size_t xi = std::size_t(i * p.d.channels[j] + ch);
    for (i64 n = 0; n < N; n++) {
      const std::size_t yi = std::size_t(o * N + n), ki = std::size_t(row * N + n);
      y[yi] += double(p.x[std::size_t(j)][xi]) * p.kernel[ki];
      dx[std::size_t(j)][xi] += double(p.dy[yi]) * p.kernel[ki];
      dk[ki] += double(p.dy[yi]) * p.x[std::size_t(j)][xi];
    }
  });
  for (int path = 0; path <= 2; path++) {
    if (!set_simd_path(SimdPath(path))) continue;
    std::vector<Problem<T>> runs;
    for (int threads : {1, 2, 4}) {
      Pool::get().resize(threads);
      runs.emplace_back(c, seed);
      runs.back().run();
    }
    const Problem<T>& a = runs[0];
    const i64 taps = p.d.kernel_height * p.d.kernel_width, pixels = p.d.pixels();
    double error = std::max({worst(a.y, y, taps * p.d.in_channels()), worst(a.dkernel, dk, pixels), worst(a.dbias, db, pixels)});
    for (std::size_t j = 0; j < dx.size(); j++) error = std::max(error, worst(a.dx[j], dx[j], taps * N));
    bool same = true;
    for (const Problem<T>& r : runs) same = same && r.y == a.y && r.dkernel == a.dkernel && r.dbias == a.dbias && r.dx == a.dx;
    if (!(error <= tolerance) || !same) {
      failures++;
      std::printf("FAIL %s %zu-byte B%ld H%ld W%ld K%ldx%ld in%ld out%ld seed %u: error %.2e, threads %s\n", simd_path_name(),
                  sizeof(T), long(c.batch), long(c.height), long(c.width), long(c.kernel_height), long(c.kernel_width),
                  long(p.d.in_channels()), long(N), seed, error, same ? "agree" : "differ");
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned seed = argc > 1 ? unsigned(std::atoi(argv[1])) : std::random_device{}();
  std::mt19937 rng(seed);
  std::printf("seed %u\n", seed);
  std::vector<Case> cases = {{0, 3, 3, 3, 3, {4}, 16},          {1, 1, 1, 3, 3, {1}, 1},         {32, 3, 3, 3, 3, {4, 4, 4}, 16},
                             {5, 6, 6, 3, 3, {8, 8, 8, 8}, 32}, {2, 24, 24, 3, 3, {16, 16}, 64}, {1, 48, 48, 3, 3, {16, 16}, 64},
                             {1, 48, 48, 3, 3, {32, 32}, 1},    {3, 1, 12, 1, 3, {159}, 96},     {2, 1, 6, 1, 3, {32, 32}, 159},
                             {3, 5, 7, 5, 5, {3, 2}, 10},       {2, 9, 4, 1, 1, {5}, 24},        {1, 60, 33, 3, 3, {7}, 13}};
  auto pick = [&](std::vector<i64> v) { return v[rng() % v.size()]; };
  for (int k = 0; k < 40; k++) {
    Case c{pick({1, 2, 3, 9, 20}),
           pick({1, 2, 3, 6, 11, 20}),
           pick({1, 2, 3, 5, 12, 25}),
           pick({1, 3, 5}),
           pick({1, 3, 5}),
           {},
           pick({1, 2, 4, 8, 10, 12, 16, 20, 24, 48, 100})};
    for (i64 j = pick({1, 2, 3}); j > 0; j--) c.channels.push_back(pick({1, 2, 3, 4, 5, 8, 16}));
    cases.push_back(c);
  }
  for (const Case& c : cases) {
    const unsigned s = unsigned(rng());
    check<double>(c, s, 1e-12);
    check<float>(c, s, 5e-6);
  }
  Pool::get().shutdown();
  std::printf("%zu cases, %d failures\n", cases.size(), failures);
  return failures != 0;
}
