// test/native/run.sh test/native/math_check.cc
// exp, sigmoid and tanh for float against float64 over the whole range; lane vectors give the bits of the scalar functions.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

#include "../../native/base/host/lanes.h"
#include "../../native/base/lstm_cell.h"

using namespace mg;
using V4 = Vec<float, 4>;

int failures = 0;
#define EXPECT(condition) \
  if (!(condition)) failures++, std::printf("FAIL line %d: %s\n", __LINE__, #condition)

int main() {
  double worst_exp = 0, worst_sigmoid = 0, worst_tanh = 0;
  bool same = true;
  for (std::int64_t bits = 0; bits < (1ll << 32); bits += 977) {
    const std::uint32_t b = std::uint32_t(bits);
    float x;
    std::memcpy(&x, &b, 4);
    if (!(std::fabs(x) < 87)) continue;
    const double e = std::exp(double(x)), s = 1 / (1 + std::exp(-double(x))), t = std::tanh(double(x));
    const float fe = mg::exp(x), fs = sigmoid(x), ft = mg::tanh(x);
    worst_exp = std::fmax(worst_exp, std::fabs(fe - e) / e);
    worst_sigmoid = std::fmax(worst_sigmoid, std::fabs(fs - s) / s);
    if (std::fabs(x) > 1e-30) worst_tanh = std::fmax(worst_tanh, std::fabs(ft - t) / std::fabs(t));
    const V4 v = {x, x, x, x};
    const V4 ve = mg::exp(v), vs = sigmoid(v), vt = mg::tanh(v);
    same = same && ve[1] == fe && vs[2] == fs && vt[3] == ft;
  }
  std::printf("relative error: exp %.2e, sigmoid %.2e, tanh %.2e\n", worst_exp, worst_sigmoid, worst_tanh);
  EXPECT(worst_exp < 2.5e-7 && worst_sigmoid < 2.5e-7 && worst_tanh < 2.5e-7);
  EXPECT(same);
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT(mg::exp(inf) == inf && mg::exp(-inf) == 0 && mg::exp(200.0f) == inf && mg::exp(0.0f) == 1);
  EXPECT(std::isfinite(mg::exp(88.7f)) && mg::exp(-100.0f) > 0 && mg::exp(-110.0f) == 0);
  EXPECT(sigmoid(inf) == 1 && sigmoid(-inf) < 1e-37f && sigmoid(0.0f) == 0.5f);
  EXPECT(mg::tanh(inf) == 1 && mg::tanh(-inf) == -1 && mg::tanh(0.0f) == 0);
  EXPECT(std::isnan(mg::exp(nan)) && std::isnan(sigmoid(nan)) && std::isnan(mg::tanh(nan)));

  // Gradient of the cell against central differences of L = h wh + c wc, with peepholes.
  const double wh = 0.7, wc = -1.3, fb = 1, step = 1e-6;
  double v[8] = {0.3, -0.8, 0.5, 0.2, 0.9, 0.4, -0.6, 0.25};  // i u f o c' p_i p_f p_o
  auto loss = [&] {
    Gates<double> a;
    const State<double> s = cell<double>({v[0], v[1], v[2], v[3]}, v[4], fb, {v[5], v[6], v[7]}, a);
    return s.h * wh + s.c * wc;
  };
  Gates<double> a;
  const State<double> s = cell<double>({v[0], v[1], v[2], v[3]}, v[4], fb, {v[5], v[6], v[7]}, a);
  double dc_prev;
  const Gates<double> d = cell_backward<double>(a, s.c, v[4], wh, wc, {v[5], v[6], v[7]}, dc_prev);
  const double got[8] = {d.i, d.u, d.f, d.o, dc_prev, d.i * v[4], d.f * v[4], d.o * s.c};
  for (int k = 0; k < 8; k++) {
    const double keep = v[k];
    v[k] = keep + step;
    const double up = loss();
    v[k] = keep - step;
    const double numeric = (up - loss()) / (2 * step);
    v[k] = keep;
    EXPECT(std::fabs(numeric - got[k]) < 1e-8);
  }
  std::printf("%d failures\n", failures);
  return failures != 0;
}
