// SPDX-License-Identifier: MIT
// Keys: built upright in the lower left corner of the picture as a player shows it, then turned with it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "drawing/plot.h"

namespace unblur {
namespace {

constexpr Colour kInk{0.96F, 0.96F, 0.96F};

std::string px(float value) { return fmt::format("{:.4g} px", value); }

/// From the picture as it is shown back to the picture as it is stored.
struct Turn {
  int degrees, width, height;  ///< of the stored picture
  [[nodiscard]] bool sideways() const { return degrees % 180 != 0; }
  [[nodiscard]] Vertex operator()(Vertex p) const {
    const auto w = static_cast<float>(width - 1), h = static_cast<float>(height - 1);
    if (degrees == 90) return {p.y, h - p.x};
    if (degrees == 180) return {w - p.x, h - p.y};
    if (degrees == 270) return {w - p.y, p.x};
    return p;
  }
  [[nodiscard]] Motion operator()(Motion m) const {
    if (degrees == 90) return {m.dy, -m.dx};
    if (degrees == 180) return {-m.dx, -m.dy};
    if (degrees == 270) return {-m.dy, m.dx};
    return m;
  }
};

/// Rows of signs and words from top to bottom, as large as they turn out.
class Key {
 public:
  Key(float text, float full_scale, bool directed) : h_(text), full_(full_scale), directed_(directed) {}

  void word_row(std::string_view text) {
    begin_row(1);
    word(text);
  }

  /// left, a bar in the colours of `colour` at 0 to 1, right.
  template <typename ColourAt>
  void bar_row(std::string_view left, std::string_view right, ColourAt colour, bool dot) {
    begin_row(1);
    word(left);
    pen_ += h_;
    constexpr int kSteps = 24;
    Stroke bar{{}, {}, 0.5F * h_, 0};
    for (int i = 0; i <= kSteps; ++i) {
      const float share = static_cast<float>(i) / kSteps;
      bar.points.push_back({pen_ + share * 7 * h_, middle()});
      bar.colours.push_back(colour(share));
    }
    const Stroke start{{bar.points.front()}, {bar.colours.front()}, 0.95F * h_, 0};
    rows_.emplace_back(std::move(bar));
    if (dot) rows_.emplace_back(start);
    pen_ += 7.6F * h_;
    word(right);
  }

  /// A line of so many px of the picture.
  void ruler_row(float length) {
    begin_row(1);
    const float y = middle(), tick = 0.35F * h_, x = pen_;
    const float width = std::max(1.0F, 0.14F * h_);
    rows_.emplace_back(Stroke{{{x, y}, {x + length, y}}, {kInk}, width, 0});
    for (const float end : {x, x + length})
      rows_.emplace_back(Stroke{{{end, y - tick}, {end, y + tick}}, {kInk}, width, 0});
    pen_ += length + 0.6F * h_;
    word(px(length));
  }

  void arrow_row(float length) {
    begin_row(1);
    add_arrow(rows_, {pen_ + length / 2, middle()}, {length, 0}, std::max(1.4F, 0.15F * h_), directed_);
    pen_ += length + 0.6F * h_;
    word(px(full_));
  }

  /// The colours of a map: the rim of the disc stands for the full scale.
  void wheel_row(Style style, const Turn& turn) {
    const float radius = 2.6F * h_;
    begin_row(2 * radius / h_);
    const Vertex centre{pen_ + radius, top_ + radius};
    constexpr int kSpokes = 72, kRings = 6;
    for (int i = 0; i < kSpokes; ++i) {
      const float angle = 2 * std::numbers::pi_v<float> * static_cast<float>(i) / kSpokes;
      Stroke spoke{{}, {}, 2 * std::numbers::pi_v<float> * radius / kSpokes + 0.7F, 0};
      for (int r = 0; r <= kRings; ++r) {
        const float share = static_cast<float>(r) / kRings;
        const Motion m{share * std::cos(angle), share * std::sin(angle)};
        spoke.points.push_back({centre.x + radius * m.dx, centre.y + radius * m.dy});
        spoke.colours.push_back(map_colour(style, turn(m), 0, directed_, 1));
      }
      rows_.emplace_back(std::move(spoke));
    }
    pen_ += 2 * radius + 0.8F * h_;
    word(px(full_));
  }

  /// The panel with its lower left corner near that of a picture of this size; nothing if it is too large.
  [[nodiscard]] Drawing placed(int width, int height) const {
    const float pad = 0.8F * h_, margin = 0.8F * h_;
    const float w = right_ + 2 * pad, h = bottom_ + 2 * pad;
    if (w + margin > 0.95F * static_cast<float>(width) || h + margin > 0.5F * static_cast<float>(height))
      return {};
    const Vertex low{margin, static_cast<float>(height) - margin - h};
    Drawing out{Box{low, {low.x + w, low.y + h}, {0.05F, 0.05F, 0.08F}, 0.72F}};
    for (Mark mark : rows_) {
      for (Vertex& p : std::get<Stroke>(mark).points) p = {p.x + low.x + pad, p.y + low.y + pad};
      out.push_back(std::move(mark));
    }
    return out;
  }

 private:
  void begin_row(float height_in_text) {
    top_ = bottom_ == 0 ? 0 : bottom_ + 0.8F * h_;
    row_ = height_in_text * h_;
    bottom_ = top_ + row_;
    pen_ = 0;
  }
  [[nodiscard]] float middle() const { return top_ + row_ / 2; }
  void word(std::string_view text) {
    add_text(rows_, {pen_, middle() + h_ / 2}, h_, text, kInk);
    pen_ += text_width(text, h_);
    right_ = std::max(right_, pen_);
  }

  float h_, full_;
  bool directed_;
  Drawing rows_;
  float pen_ = 0, top_ = 0, row_ = 0, bottom_ = 0, right_ = 0;
};

void fill(Key& key, Style style, const TrajectoryField& field, const PlotOptions& options, float text,
          const Turn& turn) {
  const bool directed = field.info().directed;
  switch (style) {
    case Style::kPaths:
      key.bar_row(
          directed ? "start" : "middle", directed ? "end" : "ends",
          [](float share) { return time_colour(2 * share - 1); }, directed);
      key.ruler_row(std::max(2.0F, round_length(6 * text)));
      break;
    case Style::kQuiver:
      key.arrow_row(arrow_reach(grid_of(options, field)));
      break;
    case Style::kLength:
      key.bar_row("0", px(options.full_scale), length_colour, false);
      return;  // a length has no direction
    default:
      key.wheel_row(style, turn);
  }
  if (!directed) key.word_row("direction unknown");
}

}  // namespace

float round_length(float most) {
  const float decade = std::pow(10.0F, std::floor(std::log10(std::max(most, 1.0F))));
  float best = decade;
  for (const float step : {2.0F, 5.0F}) {
    if (step * decade <= most) best = step * decade;
  }
  return best;
}

void add_legend(Drawing& drawing, Style style, const TrajectoryField& field, const PlotOptions& options) {
  const Turn turn{options.rotation, field.width(), field.height()};
  const int width = turn.sideways() ? field.height() : field.width();
  const int height = turn.sideways() ? field.width() : field.height();
  const float text = std::clamp(static_cast<float>(std::min(width, height)) / 36, 7.0F, 48.0F);
  Key key(text, options.full_scale, field.info().directed);
  fill(key, style, field, options, text, turn);
  for (Mark mark : key.placed(width, height)) {
    if (auto* box = std::get_if<Box>(&mark)) {
      const Vertex a = turn(box->low), b = turn(box->high);
      box->low = {std::min(a.x, b.x), std::min(a.y, b.y)};
      box->high = {std::max(a.x, b.x), std::max(a.y, b.y)};
    } else {
      for (Vertex& p : std::get<Stroke>(mark).points) p = turn(p);
    }
    drawing.push_back(std::move(mark));
  }
}

}  // namespace unblur
