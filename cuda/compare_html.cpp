// SPDX-License-Identifier: MIT
#include "compare_html.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

#include "compare_text.h"
#include "drawing/chart.h"
#include "drawing/colours.h"
#include "drawing/svg.h"

namespace unblur {
namespace {

constexpr int kLayerMaps = 12;  ///< heat maps of the layers closest to their bounds, or furthest beyond

constexpr const char* kStyle = R"(
body{font:14px/1.45 system-ui,sans-serif;color:#1d2329;background:#f6f7f9;margin:0}
main{max-width:1120px;margin:0 auto;padding:24px}
h1{font-size:24px;margin:0 0 4px}h2{font-size:18px;margin:32px 0 8px}h3{font-size:15px;margin:20px 0 6px}
p{margin:4px 0}small,.dim{color:#66707a}
.verdict{padding:10px 14px;border-radius:6px;margin:14px 0;font-weight:600}
.good{background:#d9f0e0;color:#10532b}.bad{background:#fbdcd8;color:#7c1a10}
table{border-collapse:collapse;background:#fff;width:100%;margin:8px 0}
th,td{padding:4px 8px;border-bottom:1px solid #e3e6ea;text-align:right;white-space:nowrap;
font-variant-numeric:tabular-nums}
th{background:#eceff2;font-weight:600}td.l,th.l{text-align:left}td.w{white-space:normal}
tr.beyond td{background:#fbdcd8}tr.first td{background:#f5b7ae;font-weight:600}
.row{display:flex;flex-wrap:wrap;gap:14px}figure{margin:0;flex:1 1 300px;max-width:540px}
.maps figure{flex:0 0 170px}figcaption{font-size:12px;color:#47505a;overflow-wrap:anywhere}
img{width:100%;image-rendering:pixelated;display:block;border:1px solid #c9ced4;box-sizing:border-box}
.bar{position:relative;background:#eceff2;height:12px;width:220px;display:inline-block;vertical-align:middle}
.bar i{position:absolute;left:0;height:6px}.bar .a{top:0;background:#4477aa}.bar .h{top:6px;background:#ccbb44}
.bar b{position:absolute;top:-2px;height:16px;width:2px;background:#ee6677}
.key{height:10px;border:1px solid #c9ced4;margin-top:4px}
)";

std::string html_text(const std::string& t) { return markup_escaped(t); }

/// Share of `most` as a colour from black to pale yellow; not finite: magenta.
std::string heat_address(const ErrorMap& map, double most) {
  const std::size_t plane = map.values.size();
  std::vector<float> rgb(3 * plane);
  for (std::size_t i = 0; i < plane; ++i) {
    const float v = map.values[i];
    const Colour c = std::isfinite(v) ? length_colour(most > 0 ? static_cast<float>(v / most) : 0.0F)
                                      : Colour{1.0F, 0.0F, 1.0F};
    rgb[i] = c.r;
    rgb[plane + i] = c.g;
    rgb[2 * plane + i] = c.b;
  }
  return png_address(rgb, map.width, map.height);
}

double largest_finite(const ErrorMap& map) {
  double most = 0;
  for (const float v : map.values) {
    if (std::isfinite(v)) most = std::max(most, double{v});
  }
  return most;
}

std::string figure(const std::string& address, const std::string& caption) {
  return fmt::format("<figure><img src=\"{}\" alt=\"{}\"><figcaption>{}</figcaption></figure>\n", address,
                     html_text(caption), html_text(caption));
}

/// The colours of a heat map from 0 to `most`.
std::string heat_key(double most, const std::string& unit) {
  std::string stops;
  for (int i = 0; i <= 8; ++i) {
    const Colour c = length_colour(static_cast<float>(i) / 8);
    stops += fmt::format("{}rgb({:.0f},{:.0f},{:.0f})", i == 0 ? "" : ",", 255 * c.r, 255 * c.g, 255 * c.b);
  }
  return fmt::format(
      "<div style=\"max-width:540px\"><div class=\"key\" style=\"background:linear-gradient(to right,{})"
      "\"></div><small>0 to {:.3g}{}; magenta: not a finite number</small></div>\n",
      stops, most, unit);
}

std::string verdict_box(const std::string& verdict, const std::string& good) {
  return fmt::format("<p class=\"verdict {}\">{}</p>\n", verdict.empty() ? "good" : "bad",
                     html_text(verdict.empty() ? good : "Outside tolerance: " + verdict));
}

std::string summary_rows(const Comparison& c) {
  std::string rows;
  for (const Examined& e : c.examined) {
    const auto& frames = e.layers ? e.layers->outputs : e.frames;
    if (frames.empty()) continue;
    const OutputSummary s = summary_of(frames);
    rows += fmt::format(
        "<tr><td class=\"l\">{}</td><td class=\"l w\">{}<br><small>{}</small></td><td>{}</td><td>{}</td>"
        "<td>{:.2e}</td><td>{:.2e}</td><td>{:.2e}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
        html_text(e.backend.text), html_text(e.backend.name), html_text(e.backend.driver), s.name, s.frames,
        s.largest, s.mean, s.quantiles.back(), s.name == "frame" ? decibels(s.psnr_db) : "",
        s.ssim ? fmt::format("{:.4f}", *s.ssim) : "",
        e.layers ? "" : fmt::format("{:.1f} / {:.1f}", s.ms[0], s.ms[1]));
  }
  return rows;
}

std::string head_section(const Comparison& c) {
  return fmt::format(
      "<h1>{}</h1>\n<p>{}, {} x {} px</p>\n<p class=\"dim\">Reference: {}, {}</p>\n{}"
      "<table><tr><th class=\"l\">examined</th><th class=\"l\">device</th><th>output</th><th>frames</th>"
      "<th>largest</th><th>mean</th><th>99.9 %</th><th>PSNR</th><th>SSIM</th><th>ms reference / "
      "here</th></tr>\n{}"
      "</table>\n<p class=\"dim\">Absolute differences in the output's unit, the worst over all frames; "
      "times are means "
      "without the first frame.</p>\n",
      html_text(c.model), html_text(c.input), c.width, c.height, html_text(c.reference.text),
      html_text(c.reference.device()), verdict_box(c.verdict(), "Within tolerance"), summary_rows(c));
}

/// Curves of every examined backend over the frames.
std::string drift_section(const Comparison& c) {
  CsvTable table{{"frame"}, {}};
  Panel largest{{}, "largest difference"}, mean{{}, "mean difference"}, psnr{{}, "PSNR, dB"};
  for (const Examined& e : c.examined) {
    const auto& frames = e.layers ? e.layers->outputs : e.frames;
    if (frames.size() < 2) continue;
    const std::array<std::pair<Panel*, const char*>, 3> kinds{
        {{&largest, "largest"}, {&mean, "mean"}, {&psnr, "PSNR"}}};
    for (const auto& [panel, what] : kinds) {
      panel->curves.push_back(c.examined.size() > 1 ? e.backend.text + " " + what : what);
      table.columns.push_back(panel->curves.back());
    }
    table.rows.resize(std::max(table.rows.size(), frames.size()));
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const OutputDifference& o = frames[i].outputs.at(0);
      std::vector<double>& row = table.rows[i];
      if (row.empty()) row.push_back(static_cast<double>(frames[i].index));
      const double db = o.name == "frame" ? o.psnr_db : std::numeric_limits<double>::quiet_NaN();
      row.insert(row.end(), {o.largest, o.mean, db});
    }
  }
  if (table.rows.empty()) return {};
  std::vector<Panel> panels{largest, mean};
  const std::vector<double> values = table.values(psnr.curves.front());
  if (std::ranges::any_of(values, [](double v) { return std::isfinite(v); })) panels.push_back(psnr);
  for (Panel& panel : panels) {
    for (std::string& curve : panel.curves) {
      const std::string plain = markup_escaped(curve);
      table.columns[table.column(curve)] = plain;
      curve = plain;
    }
  }
  return "<h2>Over the frames</h2>\n<p class=\"dim\">States are carried along: a difference that grows is "
         "drift.</p>\n" +
         chart_svg(table, "frame", 1.0, "frame", panels);
}

std::string picture_section(const Comparison& c) {
  std::string html;
  for (const Examined& e : c.examined) {
    if (e.worst.errors.values.empty()) continue;
    const double most = largest_finite(e.worst.errors);
    html += fmt::format("<h3>{}: frame {}, where \"{}\" differs most</h3>\n<div class=\"row\">\n",
                        html_text(e.backend.text), e.worst.frame, e.frames.at(0).outputs.at(0).name);
    if (e.worst.reference.width > 0) {
      const auto& [width, height, rgb] = e.worst.reference;
      html += figure(png_address(rgb, width, height), "reference");
      html += figure(png_address(e.worst.examined.rgb, width, height), e.backend.text);
    }
    html += figure(heat_address(e.worst.errors, most), "largest difference over the channels");
    html += "</div>\n" + heat_key(most, " in the output's unit");
  }
  return html.empty() ? html : "<h2>Pictures</h2>\n" + html;
}

/// A bar on a logarithmic scale, from a ten-thousandth of the bound to a hundred times it.
std::string bar(const LayerDifference& d) {
  const auto part = [&](double error) {
    const double share = d.bound > 0 && error > 0 ? std::log10(error / d.bound) : -4.0;
    return std::clamp((std::isfinite(share) ? share : 2.0) + 4.0, 0.0, 6.0) / 6.0 * 100.0;
  };
  return fmt::format(
      "<span class=\"bar\"><i class=\"a\" style=\"width:{:.1f}%\"></i><i class=\"h\" "
      "style=\"width:{:.1f}%\"></i>"
      "<b style=\"left:66.7%\"></b></span>",
      part(d.judged), part(d.inherited.largest));
}

std::string layer_rows(const LayerReport& report) {
  std::string rows;
  for (std::size_t i = 0; i < report.layers.size(); ++i) {
    const LayerDifference& d = report.layers[i];
    std::string covers;
    for (const std::string& node : d.covers) {
      if (node != d.name) covers += (covers.empty() ? "" : ", ") + node;
    }
    rows += fmt::format(
        "<tr{}><td class=\"l w\">{}{}</td><td "
        "class=\"l\">{}</td><td>{:.3g}</td><td>{:.2e}</td><td>{:.2e}</td>"
        "<td>{:.2e}</td><td>{}</td></tr>\n",
        report.first == i ? " class=\"first\""
        : d.holds         ? ""
                          : " class=\"beyond\"",
        html_text(d.name), covers.empty() ? "" : "<br><small>" + html_text(covers) + "</small>",
        html_text(d.kernel), d.range, d.judged, d.inherited.largest, d.bound, bar(d));
  }
  return rows;
}

std::string layer_maps(const LayerReport& report) {
  std::vector<const LayerDifference*> order;
  for (const LayerDifference& d : report.layers) order.push_back(&d);
  std::ranges::stable_sort(order, std::greater<>(), &LayerDifference::share);
  if (report.first) {
    const LayerDifference* first = &report.layers[*report.first];
    std::erase(order, first);
    order.insert(order.begin(), first);
  }
  order.resize(std::min<std::size_t>(order.size(), kLayerMaps));
  std::string html =
      "<h3>Where</h3>\n<p class=\"dim\">Added error of the layers closest to their bound or furthest "
      "beyond; each map has its own scale, from 0 (black) to its largest error.</p>\n"
      "<div class=\"row maps\">\n";
  for (const LayerDifference* d : order) {
    html +=
        figure(heat_address(d->map, largest_finite(d->map)),
               fmt::format("{}: up to {:.2e}, {:.2g} of its bound", d->name, d->added.largest, d->share()));
  }
  return html + "</div>\n";
}

std::string layer_section(const Examined& e) {
  const LayerReport& report = *e.layers;
  const std::string title = fmt::format("<h2>Layers of {}</h2>\n", html_text(e.backend.text));
  const std::string good = "Every layer adds less than its bound; outputs within " + e.tolerance.text();
  return title + verdict_box(e.verdict, good) +
         "<p class=\"dim\">A layer is one kernel, listed with the graph nodes that it covers. Added: fed the "
         "reference's "
         "values. Inherited: what its own operands bring. Bars are logarithmic; the red mark is the bound of "
         "the added "
         "error.</p>\n<p><small><span style=\"color:#4477aa\">&#9632;</span> added <span "
         "style=\"color:#ccbb44\">"
         "&#9632;</span> inherited</small></p>\n"
         "<table><tr><th class=\"l\">layer</th><th "
         "class=\"l\">kernel</th><th>range</th><th>added</th><th>inherited</th>"
         "<th>bound</th><th class=\"l\"></th></tr>\n" +
         layer_rows(report) + "</table>\n<p class=\"dim\">" + html_text(layer_summary(report)) + "</p>\n" +
         layer_maps(report);
}

std::string repeat_section(const Comparison& c) {
  if (c.repeats.empty()) return {};
  std::string html =
      "<h2>Repeated on poisoned memory</h2>\n<table><tr><th class=\"l\">backend</th><th>runs</th>"
      "<th class=\"l\">result</th></tr>\n";
  for (const RepeatReport& r : c.repeats) {
    html += fmt::format("<tr{}><td class=\"l\">{}</td><td>{}</td><td class=\"l\">{}</td></tr>\n",
                        r.difference.empty() ? "" : " class=\"beyond\"", html_text(r.backend), r.runs,
                        r.difference.empty() ? "the same bits" : html_text(r.difference));
  }
  return html + "</table>\n";
}

}  // namespace

std::string comparison_html(const Comparison& c) {
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}: comparison</title>\n"
      "<meta name=\"viewport\" content=\"width=device-width\">\n<style>{}</style></head>\n<body><main>\n",
      html_text(c.model), kStyle);
  html += head_section(c) + picture_section(c) + drift_section(c);
  for (const Examined& e : c.examined) {
    if (e.layers) html += layer_section(e);
  }
  return html + repeat_section(c) + "</main></body></html>\n";
}

}  // namespace unblur
