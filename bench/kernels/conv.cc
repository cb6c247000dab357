// test/native/run.sh bench/kernels/conv.cc [threads [repetitions]]
// GFLOP/s of the convolution, forward and both gradients, beside the FMA peak measured in the same run (one core, times threads).
// One thread and nine repetitions unless told; figures are medians.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

#include "../../native/base/host/pool.h"
#include "../../native/base/host/simd.h"
#include "../../native/ops/conv/conv.h"
#include "../../native/base/conv/tile.h"

using namespace mg;

namespace {

// One thread: processor time, which a busy machine disturbs little. Several: wall time.
double now() {
  if (Pool::get().size() == 1) return double(std::clock()) / CLOCKS_PER_SEC;
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <class F>
double median_seconds(int repetitions, F&& f) {
  std::vector<double> t;
  f();
  for (int r = 0; r < repetitions; r++) {
    const double start = now();
    f();
    t.push_back(now() - start);
  }
  std::sort(t.begin(), t.end());
  return t[t.size() / 2];
}

double peak_gflops() {
  i64 flop = 0;
  const double t = median_seconds(9, [&] { flop = conv_table<float>().spin(1'000'000); });
  return double(flop) / t / 1e9;
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1, repetitions = argc > 2 ? std::atoi(argv[2]) : 9;
  Pool::get().resize(threads);
  const double peak = threads * peak_gflops();
  std::printf("%s, %d thread(s), float32, FMA peak %.0f GFLOP/s\n", simd_path_name(), threads, peak);
  struct Shape {
    i64 batch, side, in, out;
  };
  const Shape shapes[] = {{32, 48, 32, 64}, {32, 24, 48, 64}, {32, 48, 16, 16}, {32, 48, 64, 16}, {32, 24, 32, 32},
                          {32, 12, 64, 64}, {32, 6, 64, 64},  {32, 3, 48, 64},  {32, 12, 24, 32}, {32, 6, 32, 32},
                          {32, 12, 12, 16}, {32, 6, 12, 16},  {32, 3, 12, 16},  {640, 12, 16, 8}, {640, 6, 24, 8},
                          {640, 3, 16, 4},  {640, 12, 16, 1}, {1, 48, 32, 64}};
  std::printf("%-28s %22s %22s %22s\n", "batch side  in out", "forward", "data gradient", "weight gradient");
  for (const Shape& s : shapes) {
    ConvDims d{s.batch, s.side, s.side, 3, 3, 2};
    d.channels[0] = s.in / 2, d.channels[1] = s.in - s.in / 2, d.outputs = s.out;
    auto values = [](i64 n) {
      std::vector<float> v(n);
      for (std::size_t k = 0; k < v.size(); k++) v[k] = float(int(k * 2654435761u >> 16 & 1023) - 512) / 512;
      return v;
    };
    std::vector<float> a = values(d.pixels() * d.channels[0]), b = values(d.pixels() * d.channels[1]),
                       w = values(d.kernel_size()), y = values(d.pixels() * s.out), da = a, db = b, dw = w, bias = values(s.out),
                       dbias = bias;
    std::vector<char> space(std::size_t(conv_workspace_bytes<float>(d, threads)) + 64);
    void* ws = space.data() + (64 - reinterpret_cast<std::uintptr_t>(space.data()) % 64);
    const float* in[] = {a.data(), b.data()};
    float* din[] = {da.data(), db.data()};
    const double flop = 2.0 * d.pixels() * d.kernel_size();
    const int inner = std::max(1, int(2e7 / flop));
    auto time = [&](auto&& f) {
      return median_seconds(repetitions,
                            [&] {
                              for (int k = 0; k < inner; k++) f();
                            }) /
             inner;
    };
    const double t[] = {time([&] { conv_forward<float>(d, in, w.data(), bias.data(), y.data(), ws, threads); }),
                        time([&] { conv_backward_data<float>(d, y.data(), w.data(), din, ws, threads); }),
                        time([&] { conv_backward_weight<float>(d, in, y.data(), dw.data(), dbias.data(), ws, threads); })};
    std::printf("%5ld %4ld %4ld %3ld      ", long(s.batch), long(s.side), long(s.in), long(s.out));
    for (double sec : t) std::printf("  %8.1f us %4.0f (%2.0f%%)", sec * 1e6, flop / sec / 1e9, 100 * flop / sec / 1e9 / peak);
    std::printf("\n");
  }
  Pool::get().shutdown();
}
