// test/native/run.sh test/native/winograd_check.cc [seed]
// The pieces of Winograd's algorithm, on every instruction set of the machine: together
// they are the 3x3 convolution of its definition, in float64; doubled cells are cells;
// and what gradients take is the transpose of what outputs take: <L x, y> = <x, L' y>.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "../../native/base/conv/tile.h"
#include "../../native/base/index.h"
#include "winograd_bounds.h"

using namespace mg;

namespace {

int failures = 0;
std::mt19937 rng;

template <class T>
std::vector<T> uniform(i64 n) {
  std::uniform_real_distribution<double> u(-1, 1);
  std::vector<T> v(n);
  for (T& e : v) e = T(u(rng));
  return v;
}

// In long double: thousands of terms, whose own rounding is not to be seen beside that of float64.
template <class T>
long double dot(const T* a, const T* b, i64 n) {
  long double sum = 0;
  for (i64 k = 0; k < n; k++) sum += static_cast<long double>(a[k]) * static_cast<long double>(b[k]);
  return sum;
}

void expect(const char* what, double error, double limit, i64 lines, i64 across, i64 channels, i64 columns) {
  if (error <= limit) return;
  failures++;
  std::printf("FAIL %s %s: %ld lines of %ld tiles, %ld channels, %ld columns: error %.2e, limit %.2e\n", simd_path_name(), what,
              long(lines), long(across), long(channels), long(columns), error, limit);
}

// Tiles of a whole grid [tile lines][tile across][channels].
template <class T>
void cells_of(int tile, const std::vector<T>& x, i64 lines, i64 across, i64 channels, bool doubled, std::vector<T>& v,
              i64 plane) {
  const WinogradTable<T>& w = conv_table<T>().winograd(tile);
  const std::vector<T> zeros(channels);
  const i64 per = doubled ? tile / 2 : tile, height = per * lines, width = per * across;
  for (i64 line = 0; line < lines; line++) {
    CellRows<T> rows{};
    for (i64 i = 0; i < per + 2; i++) {
      const i64 y = per * line - 1 + i;
      rows.at[i] = inside(y, height) ? x.data() + y * width * channels : zeros.data();
      rows.stride[i] = inside(y, height) ? channels : 0;
    }
    (doubled ? w.doubled_cells : w.cells)(rows, across, channels, v.data() + line * across * channels, channels, plane);
  }
}

template <class T>
void check(int tile, i64 lines, i64 across, i64 C, i64 N, double unit) {
  const WinogradTable<T>& w = conv_table<T>().winograd(tile);
  const Algorithm algorithm = algorithm_of(tile);
  const Roundings& rounded = algorithm.roundings;
  const int points = winograd_points(tile), side = algorithm.points;
  const i64 tiles = lines * across, height = tile * lines, width = tile * across, area = tile * tile,
            plane = winograd_plane(tiles * C, sizeof(T)), product = tiles * N + 3;
  const auto x = uniform<T>(height * width * C), kernel = uniform<T>(9 * C * N), bias = uniform<T>(N),
             coarse = uniform<T>(area / 4 * tiles * C);
  std::vector<T> u(std::size_t(points * C * N)), v(std::size_t(points * plane)), m(std::size_t(points * product)),
      y(std::size_t(area * tiles * N));
  auto report = [&](const char* what, double error, double limit) { expect(what, error, limit, lines, across, C, N); };

  // |G| |g| |G|' of each pair of channels, and |B'| |d| |B| of each tile and channel.
  const std::vector<double> taps(kernel.begin(), kernel.end());
  std::vector<double> most_u(u.size()), most_v(std::size_t(points * tiles * C));
  for (i64 k = 0; k < C * N; k++) {
    const auto all = both_sides(algorithm.G, side, 3, taps.data() + k, C * N);
    for (int p = 0; p < points; p++) most_u[std::size_t(p * C * N + k)] = all[std::size_t(p)];
  }
  for (i64 t = 0; t < tiles; t++)
    for (i64 c = 0; c < C; c++) {
      std::vector<double> d(static_cast<std::size_t>(points));
      for (int i = 0; i < side; i++)
        for (int j = 0; j < side; j++) {
          const i64 a = t / across * tile + i - 1, b = t % across * tile + j - 1;
          if (inside(a, height) && inside(b, width))
            d[std::size_t(i * side + j)] = double(x[std::size_t((a * width + b) * C + c)]);
        }
      const auto all = both_sides(algorithm.B, side, side, d.data(), 1);
      for (int p = 0; p < points; p++) most_v[std::size_t((p * tiles + t) * C + c)] = all[std::size_t(p)];
    }

  w.weights(kernel.data(), C * N, false, u.data());
  cells_of(tile, x, lines, across, C, false, v, plane);
  std::vector<double> squares(std::size_t(points * tiles * N));  // of the terms of each product
  for (i64 p = 0; p < points; p++) {
    for (i64 t = 0; t < tiles; t++) {
      for (i64 n = 0; n < N; n++) {
        double sum = 0;
        for (i64 c = 0; c < C; c++) {
          sum += double(v[std::size_t(p * plane + t * C + c)]) * double(u[std::size_t((p * C + c) * N + n)]);
          const double most = most_v[std::size_t((p * tiles + t) * C + c)] * most_u[std::size_t((p * C + c) * N + n)];
          squares[std::size_t((p * tiles + t) * N + n)] += most * most;
        }
        m[std::size_t(p * product + t * N + n)] = T(sum);
      }
    }
  }
  w.outputs(m.data(), product, lines, across, N, bias.data(), y.data());
  // Cells and weights along two axes, the product, outputs along two axes, and the bias.
  const int way = 2 * (rounded.cells + rounded.weights + rounded.outputs) + 2;
  double worst = 0;
  for (i64 a = 0; a < height; a++)
    for (i64 b = 0; b < width; b++)
      for (i64 n = 0; n < N; n++) {
        double sum = bias[std::size_t(n)], terms = sum * sum;
        for (i64 r = 0; r < 3; r++)
          for (i64 s = 0; s < 3; s++) {
            if (!inside(a + r - 1, height) || !inside(b + s - 1, width)) continue;
            for (i64 c = 0; c < C; c++)
              sum += double(x[std::size_t(((a + r - 1) * width + b + s - 1) * C + c)]) *
                     double(kernel[std::size_t(((r * 3 + s) * C + c) * N + n)]);
          }
        const i64 t = a / tile * across + b / tile;
        for (int i = 0; i < side; i++)
          for (int j = 0; j < side; j++) {
            const double l = algorithm.A[std::size_t(a % tile * side + i)] * algorithm.A[std::size_t(b % tile * side + j)];
            terms += l * l * squares[std::size_t(((i * side + j) * tiles + t) * N + n)];
          }
        const double error = std::fabs(sum - double(y[std::size_t((a * width + b) * N + n)]));
        worst = std::fmax(worst, error / limit_of(unit, way, terms));
      }
  report("convolution, of its limit", worst, 1);

  // Both ways from the same products.
  std::vector<T> sums(area / 4 * tiles * N);
  w.coarse_sums(m.data(), product, lines, across, N, sums.data());
  worst = 0;
  for (i64 a = 0; a < height / 2; a++)
    for (i64 b = 0; b < width / 2; b++)
      for (i64 n = 0; n < N; n++) {
        double sum = -4 * double(bias[std::size_t(n)]), terms = 4 * double(bias[std::size_t(n)]) * double(bias[std::size_t(n)]);
        for (i64 k : {i64(0), i64(1), width, width + 1}) {
          const i64 row = 2 * a + k / width, column = 2 * b + k % width, t = row / tile * across + column / tile;
          sum += double(y[std::size_t((row * width + column) * N + n)]);
          for (int i = 0; i < side; i++)
            for (int j = 0; j < side; j++) {
              const double term = algorithm.A[std::size_t(row % tile * side + i)] *
                                  algorithm.A[std::size_t(column % tile * side + j)] *
                                  double(m[std::size_t((i * side + j) * product + t * N + n)]);
              terms += term * term;
            }
        }
        const double error = std::fabs(sum - double(sums[std::size_t((a * width / 2 + b) * N + n)]));
        worst = std::fmax(worst, error / limit_of(unit, 2 * (rounded.outputs + rounded.coarse_sums) + 1, terms));
      }
  report("sums of doubled cells, of their limit", worst, 1);

  // Every entry of either is off by as many roundings as its way has, each of the magnitudes along it at most.
  std::vector<T> fine(x.size()), from_fine(v.size()), from_coarse(v.size());
  for (i64 a = 0; a < height; a++)
    for (i64 b = 0; b < width; b++)
      for (i64 c = 0; c < C; c++)
        fine[std::size_t((a * width + b) * C + c)] = coarse[std::size_t((a / 2 * (width / 2) + b / 2) * C + c)];
  cells_of(tile, fine, lines, across, C, false, from_fine, plane);
  cells_of(tile, coarse, lines, across, C, true, from_coarse, plane);
  const std::vector<double> ones(std::size_t(points), 1.0);
  const auto most = both_sides(algorithm.B, side, side, ones.data(), 1);
  worst = 0;
  for (int p = 0; p < points; p++) {
    const double limit = 2 * (rounded.cells + rounded.doubled_cells) * unit * most[std::size_t(p)];
    for (i64 k = 0; k < tiles * C; k++) {
      const double want = double(from_fine[std::size_t(p * plane + k)]);
      const double error = std::fabs(want - (point_of_doubled(tile, p) ? double(from_coarse[std::size_t(p * plane + k)]) : 0));
      worst = std::fmax(worst, error / limit);
    }
  }
  report("doubled cells, of their limit", worst, 1);

  // <A' m A, dy> = <m, A dy A'>: both are sums of the same terms.
  const auto dy = uniform<T>(area * tiles * N);
  std::vector<T> d(m.size()), plain(y.size()), dkernel = uniform<T>(i64(kernel.size()));
  w.gradients(dy.data(), lines, across, N, d.data(), product);
  w.outputs(m.data(), product, lines, across, N, nullptr, plain.data());
  long double left = dot(plain.data(), dy.data(), i64(dy.size())), right = 0;
  double terms = 0;
  const auto A = transposed(algorithm.A, tile, side);
  for (i64 p = 0; p < points; p++) right += dot(m.data() + p * product, d.data() + p * product, tiles * N);
  for (i64 t = 0; t < tiles; t++)
    for (i64 n = 0; n < N; n++) {
      std::vector<double> at(static_cast<std::size_t>(area));
      for (int i = 0; i < tile; i++)
        for (int j = 0; j < tile; j++) {
          at[std::size_t(i * tile + j)] =
              double(dy[std::size_t(((t / across * tile + i) * width + t % across * tile + j) * N + n)]);
        }
      const auto all = both_sides(A, side, tile, at.data(), 1);
      for (int p = 0; p < points; p++) {
        const double term = all[std::size_t(p)] * double(m[std::size_t(p * product + t * N + n)]);
        terms += term * term;
      }
    }
  report("gradients of outputs", double(std::fabs(left - right)),
         limit_of(unit, 2 * (rounded.outputs + rounded.gradients), terms));

  // <G g G', du> = <g, G' du G>, which is added to what is there.
  const auto du = uniform<T>(points * C * N);
  const auto before = dkernel;
  left = dot(u.data(), du.data(), i64(du.size())), right = -dot(kernel.data(), dkernel.data(), i64(kernel.size()));
  w.weight_gradient(du.data(), C * N, dkernel.data());
  right += dot(kernel.data(), dkernel.data(), i64(kernel.size()));
  terms = 0;
  for (std::size_t k = 0; k < du.size(); k++) terms += most_u[k] * double(du[k]) * most_u[k] * double(du[k]);
  for (std::size_t k = 0; k < kernel.size(); k++) {  // the sum is rounded once more, with what was there
    const double term = taps[k] * (std::fabs(double(before[k])) + std::fabs(double(dkernel[k])));
    terms += term * term;
  }
  report("gradients of weights", double(std::fabs(left - right)),
         limit_of(unit, 2 * (rounded.weights + rounded.weight_gradient) + 1, terms));

  std::vector<T> turned(kernel.size()), want(u.size()), got(u.size());
  for (i64 tap = 0; tap < 9; tap++) std::copy_n(kernel.begin() + (8 - tap) * C * N, C * N, turned.begin() + tap * C * N);
  w.weights(turned.data(), C * N, false, want.data());
  w.weights(kernel.data(), C * N, true, got.data());
  report("turned taps", want == got ? 0 : 1, 0);
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned seed = argc > 1 ? unsigned(std::atoi(argv[1])) : std::random_device{}();
  rng.seed(seed);
  std::printf("seed %u\n", seed);
  auto pick = [](i64 low, i64 high) { return low + i64(rng() % std::uint64_t(high - low + 1)); };
  int cases = 0;
  for (int path = 0; path <= 2; path++) {
    if (!set_simd_path(SimdPath(path))) continue;
    for (int k = 0; k < 25; k++, cases++) {
      const i64 lines = pick(1, 5), across = pick(1, 6), C = pick(1, 40), N = pick(1, 40);
      for (int tile : {2, 4}) {
        check<float>(tile, lines, across, C, N, 6e-8);
        check<double>(tile, lines, across, C, N, 1.2e-16);
      }
    }
  }
  std::printf("%d cases, %d failures\n", cases, failures);
  return failures ? 1 : 0;
}
